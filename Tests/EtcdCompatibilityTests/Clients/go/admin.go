package main

import (
	"io"
	"io/ioutil"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.etcd.io/etcd/clientv3"
	"go.etcd.io/etcd/clientv3/snapshot"
	"go.etcd.io/etcd/etcdserver/api/v3rpc/rpctypes"
	"go.uber.org/zap"
)

func maintenanceCase(w *world) {
	revision := put(w, "maintenance", "x")
	for _, endpoint := range w.endpoints {
		status, err := w.c.Status(w.ctx, endpoint)
		must(err)
		check(strings.HasPrefix(status.Version, "3.") && status.DbSize > 0 && status.DbSizeInUse > 0, "status: %v", status)
		check(status.Leader != 0 && status.RaftIndex > 0 && status.RaftTerm > 0, "status: %v", status)
		check(!status.IsLearner && len(status.Errors) == 0, "status: %v", status)
		_, err = w.c.Defragment(w.ctx, endpoint)
		must(err)
	}
	var hashes []uint32
	for _, endpoint := range w.endpoints {
		hash, err := w.c.HashKV(w.ctx, endpoint, revision)
		must(err)
		check(hash.Hash != 0, "no hash")
		hashes = append(hashes, hash.Hash)
		equal(hash.Hash, hashes[0], "the members' hashes")
	}
	alarms, err := w.c.AlarmList(w.ctx)
	must(err)
	equal(len(alarms.Alarms), 0, "alarms")
	_, err = w.c.AlarmDisarm(w.ctx, &clientv3.AlarmMember{})
	must(err)
	members, err := w.c.MemberList(w.ctx)
	must(err)
	status, err := w.c.Status(w.ctx, w.endpoints[0])
	must(err)
	for _, member := range members.Members {
		if member.ID != status.Leader {
			leader := connect(urlsOf(w, status.Leader))
			defer leader.Close()
			_, err = leader.MoveLeader(w.ctx, member.ID)
			must(err)
			_, err = leader.MoveLeader(w.ctx, status.Leader)
			equal(err, rpctypes.ErrNotLeader, "moving what one does not have")
			break
		}
	}
}

// urlsOf are the client URLs of one member.
func urlsOf(w *world, id uint64) []string {
	members, err := w.c.MemberList(w.ctx)
	must(err)
	for _, member := range members.Members {
		if member.ID == id {
			return member.ClientURLs
		}
	}
	panic(failure{"the leader is no member"})
}

func snapshotCase(w *world) {
	put(w, "snapshot/a", "kept")
	reader, err := w.c.Snapshot(w.ctx)
	must(err)
	bytes, err := io.Copy(ioutil.Discard, reader)
	must(err)
	must(reader.Close())
	check(bytes > 0, "an empty snapshot")
	folder, err := ioutil.TempDir("", "apus-clients")
	must(err)
	defer os.RemoveAll(folder)
	manager := snapshot.NewV3(zap.NewNop())
	path := filepath.Join(folder, "snapshot.db")
	must(manager.Save(w.ctx, clientv3.Config{Endpoints: w.endpoints[:1], DialTimeout: 5 * time.Second}, path))
	status, err := manager.Status(path)
	must(err)
	check(status.Revision > 0 && status.TotalKey > 0, "the snapshot's status: %v", status)
	must(manager.Restore(snapshot.RestoreConfig{
		SnapshotPath: path, Name: "restored", OutputDataDir: filepath.Join(folder, "data"),
		PeerURLs: []string{"http://127.0.0.1:1"}, InitialCluster: "restored=http://127.0.0.1:1", InitialClusterToken: "t",
	}))
}

func clusterCase(w *world) {
	members, err := w.c.MemberList(w.ctx)
	must(err)
	check(len(members.Members) == len(w.endpoints) && members.Members[0].Name != "", "members: %v", members.Members)
	added, err := w.c.MemberAddAsLearner(w.ctx, []string{"http://127.0.0.1:9"})
	must(err)
	check(added.Member.IsLearner && len(added.Members) == len(w.endpoints)+1, "a learner: %v", added)
	_, err = w.c.MemberAddAsLearner(w.ctx, []string{"http://127.0.0.1:10"})
	equal(err, rpctypes.ErrTooManyLearners, "a second learner")
	if len(w.endpoints) > 1 {
		// A second URL: the ids of two members with the same URLs and of the same second would be the same.
		_, err = w.c.MemberAdd(w.ctx, []string{"http://127.0.0.1:9", "http://127.0.0.1:12"})
		equal(err, rpctypes.ErrPeerURLExist, "the same URL")
	}
	_, err = w.c.MemberPromote(w.ctx, added.Member.ID)
	equal(err, rpctypes.ErrMemberLearnerNotReady, "promotion of who never came")
	updated, err := w.c.MemberUpdate(w.ctx, added.Member.ID, []string{"http://127.0.0.1:11"})
	must(err)
	check(len(updated.Members) == len(w.endpoints)+1, "update")
	removed, err := w.c.MemberRemove(w.ctx, added.Member.ID)
	must(err)
	equal(len(removed.Members), len(w.endpoints), "members after the removal")
	_, err = w.c.MemberRemove(w.ctx, added.Member.ID)
	equal(err, rpctypes.ErrMemberNotFound, "removed again")
	must(w.c.Sync(w.ctx))
	check(len(w.c.Endpoints()) >= len(w.endpoints), "endpoints after a sync")
	w.c.SetEndpoints(w.endpoints...)
}

func authCase(w *world) {
	ignore := func(_ interface{}, err error) { must(err) }
	ignore(w.c.RoleAdd(w.ctx, "root"))
	ignore(w.c.UserAdd(w.ctx, "root", "secret"))
	ignore(w.c.UserGrantRole(w.ctx, "root", "root"))
	ignore(w.c.RoleAdd(w.ctx, "reader"))
	ignore(w.c.RoleGrantPermission(w.ctx, "reader", "auth/", clientv3.GetPrefixRangeEnd("auth/"), clientv3.PermissionType(clientv3.PermRead)))
	ignore(w.c.RoleGrantPermission(w.ctx, "reader", "auth/mine", "", clientv3.PermissionType(clientv3.PermReadWrite)))
	ignore(w.c.UserAddWithOptions(w.ctx, "ann", "pass", &clientv3.UserAddOptions{}))
	ignore(w.c.UserAddWithOptions(w.ctx, "certificate", "", &clientv3.UserAddOptions{NoPassword: true}))
	ignore(w.c.UserGrantRole(w.ctx, "ann", "reader"))
	_, err := w.c.UserAdd(w.ctx, "ann", "again")
	equal(err, rpctypes.ErrUserAlreadyExist, "a user twice")
	role, err := w.c.RoleGet(w.ctx, "reader")
	must(err)
	equal(len(role.Perm), 2, "permissions")
	user, err := w.c.UserGet(w.ctx, "ann")
	must(err)
	equal(user.Roles, []string{"reader"}, "roles of ann")
	ignore(w.c.AuthEnable(w.ctx))
	_, err = w.c.Put(w.ctx, "auth/a", "1")
	equal(err, rpctypes.ErrUserEmpty, "nobody")
	as := func(name, password string) (*clientv3.Client, error) {
		return dial(clientv3.Config{Endpoints: w.endpoints, Username: name, Password: password})
	}
	_, err = as("ann", "wrong")
	fails(err, "authentication failed")
	root, err := as("root", "secret")
	must(err)
	defer root.Close()
	ann, err := as("ann", "pass")
	must(err)
	defer ann.Close()
	ignore(root.Put(w.ctx, "auth/a", "1"))
	ignore(ann.Get(w.ctx, "auth/", clientv3.WithPrefix()))
	_, err = ann.Put(w.ctx, "auth/a", "2")
	equal(err, rpctypes.ErrPermissionDenied, "a reader writes")
	ignore(ann.Put(w.ctx, "auth/mine", "2"))
	_, err = ann.Txn(w.ctx).Then(clientv3.OpPut("auth/a", "3")).Commit()
	equal(err, rpctypes.ErrPermissionDenied, "a reader writes in a transaction")
	denied := next(w, ann.Watch(w.ctx, "elsewhere"))
	check(denied.Canceled, "a watch that is not allowed: %v", denied)
	_, err = ann.UserList(w.ctx)
	equal(err, rpctypes.ErrPermissionDenied, "a user lists users")
	users, err := root.UserList(w.ctx)
	must(err)
	equal(users.Users, []string{"ann", "certificate", "root"}, "users")
	roles, err := root.RoleList(w.ctx)
	must(err)
	equal(roles.Roles, []string{"reader", "root"}, "roles")
	ignore(root.UserChangePassword(w.ctx, "ann", "other"))
	_, err = as("ann", "pass")
	fails(err, "authentication failed")
	ignore(root.RoleRevokePermission(w.ctx, "reader", "auth/mine", ""))
	ignore(root.UserRevokeRole(w.ctx, "ann", "reader"))
	ignore(root.UserDelete(w.ctx, "certificate"))
	ignore(root.RoleDelete(w.ctx, "reader"))
	_, err = root.UserDelete(w.ctx, "root")
	equal(err, rpctypes.ErrInvalidAuthMgmt, "root deletes itself")
	ignore(root.AuthDisable(w.ctx))
	ignore(w.c.UserDelete(w.ctx, "root"))
	ignore(w.c.UserDelete(w.ctx, "ann"))
	ignore(w.c.RoleDelete(w.ctx, "root"))
}
