# Everything a stranger needs: `make run` starts the order platform, `make test` proves it.

SHELL := /bin/bash
DATA ?= shop-data
PORT ?= 8080
# `release` builds for minutes longer and serves several times faster.
CONFIGURATION ?= debug

.PHONY: help run test smoke format lint tidy clean

help:
	@echo 'make run      build the order platform and start it on 127.0.0.1:$(PORT), data in ./$(DATA)'
	@echo '              (PORT=9000, DATA=folder, CONFIGURATION=release)'
	@echo 'make test     build and run every test'
	@echo 'make smoke    start a platform of its own and walk through the journey of the README'
	@echo 'make format   format the sources;  make lint  only check them;  make tidy  check the rules of the house'

run:
	@scripts/prepare
	swift build --configuration $(CONFIGURATION) --product shop
	@exec "$$(swift build --configuration $(CONFIGURATION) --show-bin-path)/shop" --port $(PORT) --data $(DATA)

test:
	@scripts/prepare
	swift build --build-tests
	swift test --skip-build

smoke:
	@scripts/prepare
	swift build --product shop
	scripts/smoke "$$(swift build --show-bin-path)/shop"

format:
	swift format format --in-place --recursive Package.swift Sources Tests

lint:
	swift format lint --strict --recursive Package.swift Sources Tests

tidy:
	scripts/tidy

clean:
	rm -rf .build
