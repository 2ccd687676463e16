package iam_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/storage/audit"
	"github.com/berth-registry/berth/storage/sql"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// A change and its audit record are one transaction: each change that happened has its record, and one that was refused or undone has none of its own.
func TestChangesAreRecorded(t *testing.T) {
	each(t, func(w *world) {
		ctx := w.asRoot(customer)
		_, err := w.dir.CreateUser(ctx, iam.NewUser{Name: "ann", Path: "/div/"})
		w.ok(err)
		if !iam.From(ctx).Recorded {
			w.Error("the call does not say that it was recorded")
		}
		ctx = w.asRoot(customer)
		_, err = w.dir.CreateUser(ctx, iam.NewUser{Name: "Ann"})
		w.refused(err, fault.EntityAlreadyExists, "")
		if iam.From(ctx).Recorded {
			w.Error("what did not happen says that it was recorded")
		}
		var found []string
		w.ok(w.log.Find(w.Context(), audit.Filter{Account: customer}, func(r *audit.Record) error {
			found = append(found, r.Action+" "+r.Resource+" "+r.Principal+" "+r.Decision+" "+r.SourceIP+" "+r.RequestID)
			return nil
		}))
		want := "iam:CreateUser arn:aws:iam::999888777666:user/div/ann arn:aws:iam::999888777666:root Allow 203.0.113.7 r-1"
		if len(found) != 1 || found[0] != want {
			w.Errorf("records %q\nwant %q", found, want)
		}

		// A session is a change too.
		ann := w.call(w.user(customer, "bob", allow("*", "sts:AssumeRole")).ID, "")
		role := w.role(customer, "ci", trusting(customer, ""))
		_, err = w.dir.AssumeRole(ann, iam.AssumeRole{RoleARN: role.ARN, SessionName: "job"})
		w.ok(err)
		if c := iam.From(ann); !c.Recorded || c.Audit.Action != "sts:AssumeRole" || c.Audit.Decision != "Allow" || c.Audit.Layer == "" || c.Audit.Statement == "" {
			w.Errorf("the record says %+v", c.Audit)
		}
	})
}

// IAM-23: what one node changes, another heeds within a second.
func TestOtherNodesSeeChanges_IAM23(t *testing.T) {
	dsn := sqltest.Postgres(t)
	w := newWorld(t, dsn)
	db, err := sql.Open(t.Context(), dsn)
	w.ok(err)
	defer func() { w.ok(db.Close()) }()
	log, err := audit.Open(t.Context(), db)
	w.ok(err)
	defer log.Close()
	other, err := iam.Open(t.Context(), db, log, iam.Options{})
	w.ok(err)
	defer other.Close()

	key := w.user(customer, "ann", allow("*", "ecr:*"))
	ctx := w.call(key.ID, "")
	p := w.password(ctx)
	own := &iam.Resource{ARN: "arn:aws:ecr:us-east-2:" + customer + ":repository/app"}
	soon := func(what string, done func() bool) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(20 * time.Millisecond) { // it is a second; a busy machine may need longer
			if time.Now().After(deadline) {
				t.Fatalf("the other node has not seen that %s", what)
			}
		}
	}
	soon("ann may", func() bool { return other.May(ctx, "ecr:BatchGetImage", own) })
	_, err = other.SignIn(ctx, p, "us-east-2", w.now) // a password of the other node: they share the sealing key
	w.ok(err)
	w.ok(w.dir.DeleteInlinePolicy(w.asRoot(customer), iam.Ref{Kind: iam.KindUser, Name: "ann"}, "p0"))
	soon("ann may not", func() bool { return !other.May(ctx, "ecr:BatchGetImage", own) })
	w.ok(w.dir.DeleteAccessKey(w.asRoot(customer), "ann", key.ID))
	soon("the key is gone", func() bool {
		_, err := other.SignIn(ctx, p, "us-east-2", w.now)
		return fault.Is(err, fault.UnknownCredentials)
	})
}

// A permission that was taken away is never used again by a request that begins afterwards, however many requests race with the change.
func TestRevocationUnderLoad(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t))
	key := w.user(customer, "ann")
	root := w.asRoot(customer)
	ref := iam.Ref{Kind: iam.KindUser, Name: "ann"}
	own := &iam.Resource{ARN: "arn:aws:ecr:us-east-2:" + customer + ":repository/app"}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					w.dir.May(w.call(key.ID, ""), "ecr:BatchGetImage", own)
				}
			}
		})
	}
	for range 50 {
		w.ok(w.dir.PutInlinePolicy(root, ref, "p", allow("*", "ecr:*")))
		if !w.dir.May(w.call(key.ID, ""), "ecr:BatchGetImage", own) {
			t.Error("a permission given is not seen")
		}
		w.ok(w.dir.DeleteInlinePolicy(root, ref, "p"))
		if w.dir.May(w.call(key.ID, ""), "ecr:BatchGetImage", own) {
			t.Error("a permission taken away is still used")
		}
	}
	close(stop)
	wg.Wait()
}

// IAM-4: what one may have.
func TestQuotas_IAM4(t *testing.T) {
	each(t, func(w *world) {
		root := w.asRoot(customer)
		w.user(customer, "ann")
		ann := iam.Ref{Kind: iam.KindUser, Name: "ann"}
		for n := range 11 {
			name := fmt.Sprintf("x%d", n)
			_, err := w.dir.CreateGroup(root, name, "")
			w.ok(err)
			p, err := w.dir.CreatePolicy(root, name, "", "", allow("*", "ecr:*"), nil)
			w.ok(err)
			member, attached := w.dir.AddUserToGroup(root, name, "ann"), w.dir.AttachPolicy(root, ann, p.ARN)
			if n < 10 {
				w.ok(member)
				w.ok(attached)
				continue
			}
			w.refused(member, fault.LimitExceeded, "Cannot exceed quota for GroupsPerUser: 10")
			w.refused(attached, fault.LimitExceeded, "Cannot exceed quota for PoliciesPerUser: 10")
		}
		w.ok(w.dir.AttachPolicy(root, ann, "arn:aws:iam::"+customer+":policy/x3")) // again is no more

		if _, err := w.dir.CreateAccessKey(root, "ann"); err != nil {
			w.Error(err)
		}
		_, err := w.dir.CreateAccessKey(root, "ann")
		w.refused(err, fault.LimitExceeded, "Cannot exceed quota for AccessKeysPerUser: 2")
		var large string
		for n := range 400 {
			large += fmt.Sprintf(`,"arn:aws:ecr:*:*:repository/%d"`, n)
		}
		_, err = w.dir.CreatePolicy(root, "large", "", "", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ecr:*","Resource":["*"`+large+`]}}`, nil)
		w.refused(err, fault.LimitExceeded, "Cannot exceed quota for PolicySize: 6144")
		_, err = w.dir.CreateRole(root, iam.NewRole{Name: "r", Trust: trusting(customer, `,"Condition":{"StringEquals":{"aws:username":["a"`+longList(400)+`]}}`)})
		w.refused(err, fault.LimitExceeded, "Cannot exceed quota for ACLSizePerRole: 2048")
	})
}

func longList(n int) (s string) {
	for i := range n {
		s += fmt.Sprintf(`,"user-%d"`, i)
	}
	return s
}

// A directory that is opened again knows everything, and the same passwords: nothing lives in memory only.
func TestDirectoryIsOpenedAgain(t *testing.T) {
	each(t, func(w *world) {
		key := w.user(customer, "ann", allow("*", "ecr:*"))
		p := w.password(w.call(key.ID, ""))
		again, err := iam.Open(t.Context(), w.db, w.log, iam.Options{})
		w.ok(err)
		defer again.Close()
		c, err := again.SignIn(t.Context(), p, "us-east-2", w.now)
		w.ok(err)
		if c.Secret != key.Secret {
			w.Error("another secret")
		}
		accounts, _, err := again.Accounts(t.Context(), iam.Page{})
		w.ok(err)
		if len(accounts) != 3 || accounts[0].ID != vendor {
			w.Errorf("accounts %v", accounts)
		}
		_, _, err = again.CreateAccount(t.Context(), iam.NewAccount{ID: vendor})
		w.refused(err, fault.EntityAlreadyExists, "")
		_, admin, err := again.CreateAccount(t.Context(), iam.NewAccount{Name: "new", Administrator: "admin"})
		w.ok(err)
		if !again.May(w.call(admin.ID, ""), "ecr:DeleteRepository", &iam.Resource{ARN: "*"}) {
			w.Error("the administrator of a new account may not")
		}
	})
}

// IAM-3: of many who ask for the same name at once, one gets it, and the others are told that it is taken.
func TestOneOfManyGetsTheName_IAM3(t *testing.T) {
	each(t, func(w *world) {
		var wg sync.WaitGroup
		var made, taken atomic.Int32
		for n := range 8 {
			ctx := w.asRoot(customer)
			wg.Go(func() {
				_, err := w.dir.CreateUser(ctx, iam.NewUser{Name: []string{"ann", "ANN", "Ann"}[n%3]})
				switch {
				case err == nil:
					made.Add(1)
				case fault.Is(err, fault.EntityAlreadyExists):
					taken.Add(1)
				default:
					w.Error(err)
				}
			})
		}
		wg.Wait()
		if made.Load() != 1 || taken.Load() != 7 {
			w.Errorf("%d were made, %d were told that the name is taken", made.Load(), taken.Load())
		}
	})
}

// IAM-12: what looks like a service-linked role would stand outside the organization's policies: nobody makes one for himself.
func TestServiceRolesCannotBeMade_IAM12(t *testing.T) {
	w := newWorld(t, sqltest.SQLite(t))
	_, err := w.dir.CreateRole(w.asRoot(customer), iam.NewRole{Name: "AWSServiceRoleForECRReplication", Path: "/aws-service-role/replication.ecr.amazonaws.com/", Trust: trusting(customer, "")})
	w.refused(err, fault.InvalidInput, "/aws-service-role/")
}
