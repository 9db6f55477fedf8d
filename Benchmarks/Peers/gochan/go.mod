module gochan

go 1.24
