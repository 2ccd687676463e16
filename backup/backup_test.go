package backup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/berth-registry/berth/backup"
	"github.com/berth-registry/berth/berthtest"
	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/server"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/blob/s3test"
	"github.com/berth-registry/berth/storage/sql"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// wide puts a server on PostgreSQL and a bucket.
func wide(t *testing.T) func(*server.Config) {
	db, bucket := sqltest.Postgres(t), s3test.Start(t).URL("live")
	return func(c *server.Config) { c.DB, c.Blobs = db, bucket }
}

func small(*server.Config) {}

func installation(c server.Config) *server.Installation {
	return &server.Installation{Folder: c.Folder, Database: c.Database, Stores: c.Stores}
}

func options() backup.Options { return backup.Options{Parts: server.Parts(), Berth: "test"} }

// take makes a backup as the command does.
func take(t *testing.T, of *server.Installation, place string, o backup.Options) (*backup.Manifest, error) {
	t.Helper()
	return takeWithin(t.Context(), t, of, place, o)
}

func takeWithin(ctx context.Context, t *testing.T, of *server.Installation, place string, o backup.Options) (*backup.Manifest, error) {
	t.Helper()
	source, closeSource, err := of.Source(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	defer closeSource()
	p, closePlace, err := server.OpenBackup(t.Context(), place, true)
	if err != nil {
		t.Fatal(err)
	}
	defer closePlace()
	return backup.Backup(ctx, source, p, o)
}

func restore(t *testing.T, place string, to *server.Installation) (*backup.Report, error) {
	t.Helper()
	p, closePlace, err := server.OpenBackup(t.Context(), place, false)
	if err != nil {
		t.Fatal(err)
	}
	defer closePlace()
	target, closeTarget, err := to.Target(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer closeTarget()
	return backup.Restore(t.Context(), p, target, options())
}

// image is a new one with a layer that is an object of its own, and one that is small enough to be in a row.
func image(seed uint64) *berthtest.Image {
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	large, little := make([]byte, 100_000), make([]byte, 100)
	r.Read(large)  //nolint:errcheck // it cannot fail
	r.Read(little) //nolint:errcheck // it cannot fail
	return berthtest.NewImage(large, little)
}

const repository = "111122223333/us-east-1/app"

func start(t *testing.T, change func(*server.Config)) (*berthtest.Server, *berthtest.Account, string) {
	s := berthtest.Start(t, change)
	account := s.Account(t, "111122223333")
	if resp, body := s.Call(t, account.Caller, "ecr", "us-east-1", "AmazonEC2ContainerRegistry_V20150921", "CreateRepository", `{"repositoryName":"app"}`); resp.StatusCode != 200 {
		t.Fatalf("CreateRepository: %s %s", resp.Status, body)
	}
	return s, account, account.Login(t, "us-east-1")
}

// F28: a backup that is made while clients push holds everything that was acknowledged before it began. It is restored to an empty place of either kind, where the same
// credentials and policies hold. A second one copies only what is new.
func TestBackupUnderLoad(t *testing.T) {
	for name, kind := range map[string]struct {
		live, restored func(*testing.T) func(*server.Config)
		place          func(*testing.T) string
	}{
		"one machine": {
			func(*testing.T) func(*server.Config) { return small }, wide,
			func(t *testing.T) string { return filepath.Join(t.TempDir(), "backup") },
		},
		"cluster": {
			wide, func(*testing.T) func(*server.Config) { return small },
			func(t *testing.T) string { return s3test.Start(t).URL("backup") },
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, account, login := start(t, kind.live(t))
			reader := account.User(t, "reader", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["ecr:GetAuthorizationToken","ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Resource":"*"}}`)
			before := []*berthtest.Image{image(0), image(1), image(2)}
			for i, one := range before {
				s.Push(t, login, repository, fmt.Sprint("before-", i), one)
			}
			stop, pushers := make(chan struct{}), sync.WaitGroup{}
			for n := range 2 {
				pushers.Go(func() {
					for i := uint64(0); ; i++ {
						select {
						case <-stop:
							return
						default:
							s.Push(t, login, repository, fmt.Sprint("during-", n), image(1000*uint64(n+1)+i))
						}
					}
				})
			}
			place := kind.place(t)
			first, err := take(t, installation(s.Config), place, options())
			close(stop)
			pushers.Wait()
			if err != nil {
				t.Fatal(err)
			}
			if first.Objects < 3 || first.Copied != first.Objects || len(first.Damaged) > 0 {
				t.Errorf("the first backup: %+v", first.Report)
			}

			s.Push(t, login, repository, "after", image(9))
			o := options()
			o.Verify = true
			second, err := take(t, installation(s.Config), place, o)
			if err != nil {
				t.Fatal(err)
			}
			if want := second.Objects - first.Objects; second.Copied != want || want < 1 || second.Mended > 0 {
				t.Errorf("the second backup copied %d objects; %d are new", second.Copied, want)
			}

			c := s.Config
			c.Data, c.DB, c.Blobs, c.Listen = filepath.Join(t.TempDir(), "restored"), "", "", []string{"127.0.0.1:0"}
			kind.restored(t)(&c)
			report, err := restore(t, place, installation(c))
			if err != nil {
				t.Fatal(err)
			}
			if report.Objects != second.Objects || report.Rows != second.Rows || len(report.Damaged) > 0 {
				t.Errorf("restored %d objects and %d rows of %d and %d", report.Objects, report.Rows, second.Objects, second.Rows)
			}
			if _, err := restore(t, place, installation(c)); !errors.Is(err, backup.ErrTaken) && !errors.Is(err, sql.ErrNotEmpty) {
				t.Errorf("restored a second time over the first: %v", err)
			}
			again := berthtest.Start(t, func(to *server.Config) { *to = c })
			if again.First != nil {
				t.Error("the restored installation made a first account")
			}
			again.Root(t) // its key is where the first start left it
			for _, caller := range []*berthtest.Caller{account.Caller.At(again), reader.At(again)} {
				password := caller.Login(t, "us-east-1")
				for i, one := range append(before, image(9)) {
					again.Pull(t, password, repository, append([]string{"before-0", "before-1", "before-2"}, "after")[i], one)
				}
			}
			if resp, _ := again.Do(t, reader.At(again).Login(t, "us-east-1"), http.MethodPost, repository+"/blobs/uploads/", nil); resp.StatusCode != http.StatusForbidden {
				t.Errorf("who may only read begins an upload: %s", resp.Status)
			}
			again.Push(t, account.Caller.At(again).Login(t, "us-east-1"), repository, "new", image(10))
		})
	}
}

// interrupt ends a copy when some objects have been copied.
func interrupt(t *testing.T, after int64) (context.Context, backup.Options) {
	ctx, cancel := context.WithCancel(t.Context())
	o := options()
	o.Progress = func(p backup.Progress) {
		if p.Objects >= after {
			cancel()
		}
	}
	return ctx, o
}

// F28: a backup that is interrupted is refused by restore, or leaves the one before it as it was; the next run goes on where it ended.
func TestBackupThatDidNotComeToItsEnd(t *testing.T) {
	s, _, login := start(t, small)
	for i := range uint64(12) {
		s.Push(t, login, repository, fmt.Sprint("v", i), image(i))
	}
	live, place := installation(s.Config), filepath.Join(t.TempDir(), "backup")
	ctx, o := interrupt(t, 5)
	if _, err := takeWithin(ctx, t, live, place, o); !errors.Is(err, context.Canceled) {
		t.Fatalf("the interrupted backup: %v", err)
	}
	empty := &server.Installation{Folder: server.Folder{Data: filepath.Join(t.TempDir(), "restored")}}
	if _, err := restore(t, place, empty); !errors.Is(err, backup.ErrUnfinished) {
		t.Errorf("restored a half backup: %v", err)
	}
	m, err := take(t, live, place, options())
	if err != nil {
		t.Fatal(err)
	}
	if m.Objects != 12 || m.Copied >= 12 || m.Copied == 0 {
		t.Errorf("the second run copied %d of %d objects", m.Copied, m.Objects)
	}

	for i := range uint64(12) {
		s.Push(t, login, repository, fmt.Sprint("w", i), image(100+i))
	}
	ctx, o = interrupt(t, 18)
	if _, err := takeWithin(ctx, t, live, place, o); !errors.Is(err, context.Canceled) {
		t.Fatalf("the interrupted backup: %v", err)
	}
	r, err := restore(t, place, empty)
	if err != nil {
		t.Fatal(err)
	}
	if r.Objects != 12 {
		t.Errorf("restored %d objects of the first backup, which has 12", r.Objects)
	}
	again := berthtest.Start(t, func(c *server.Config) { c.Folder = empty.Folder })
	again.Pull(t, login, repository, "v3", image(3)) // with the same password
	if resp, _ := again.Do(t, login, http.MethodGet, repository+"/manifests/w3", nil); resp.StatusCode != http.StatusNotFound {
		t.Errorf("what was pushed after the backup: %s", resp.Status)
	}
	filepath.WalkDir(place, func(path string, e fs.DirEntry, err error) error { //nolint:errcheck // the errors are looked at
		if info, infoErr := e.Info(); err != nil || infoErr != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is open to others: %v, %v", path, e, errors.Join(err, infoErr))
		}
		return nil
	})
}

// Moving to a cluster and back gives the same rows and bytes, though it is interrupted; the original is not changed (F28).
func TestMigrateThereAndBack(t *testing.T) {
	ctx := t.Context()
	c := server.Config{Folder: server.Folder{Data: filepath.Join(t.TempDir(), "data")}}
	var account *berthtest.Account
	var login string
	t.Run("push", func(t *testing.T) {
		var s *berthtest.Server
		s, account, login = start(t, func(to *server.Config) { to.Folder = c.Folder })
		for i := range uint64(6) {
			s.Push(t, login, repository, fmt.Sprint("v", i), image(i))
		}
		s.StartUpload(t, login, repository) // nobody goes on with it
		if _, _, err := installation(c).Source(ctx, true); !errors.Is(err, server.ErrInUse) {
			t.Errorf("an installation that serves: %v", err)
		}
	})
	migrate := func(ctx context.Context, from, to *server.Installation, o backup.Options) (*backup.Report, error) {
		t.Helper()
		source, closeSource, err := from.Source(t.Context(), true)
		if err != nil {
			t.Fatal(err)
		}
		defer closeSource()
		target, closeTarget, err := to.Target(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer closeTarget()
		return backup.Migrate(ctx, source, target, o)
	}
	tables := func(of *server.Installation) []sql.Table {
		t.Helper()
		source, closeSource, err := of.Source(ctx, true)
		if err != nil {
			t.Fatal(err)
		}
		defer closeSource()
		list, err := source.DB.Tables(ctx, "upload")
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	one, there, back := installation(c), installation(server.Config{Folder: server.Folder{Data: filepath.Join(t.TempDir(), "node")}}), &server.Installation{Folder: server.Folder{Data: filepath.Join(t.TempDir(), "back")}}
	there.DB, there.Blobs = sqltest.Postgres(t), s3test.Start(t).URL("")
	want := tables(one)

	within, o := interrupt(t, 2)
	if _, err := migrate(within, one, there, o); !errors.Is(err, context.Canceled) {
		t.Fatalf("the interrupted migration: %v", err)
	}
	r, err := migrate(ctx, one, there, options())
	if err != nil {
		t.Fatal(err)
	}
	if r.Objects != 6 || r.Copied >= 6 {
		t.Errorf("the second run copied %d of %d objects", r.Copied, r.Objects)
	}
	if _, err := migrate(ctx, there, back, options()); err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string][]sql.Table{"original": tables(one), "copy": tables(there), "copy of the copy": tables(back)} {
		for i := range want {
			if len(got) != len(want) || got[i] != want[i] && !(name == "copy" && got[i].Name == "collection") { // it is held while it is copied
				t.Errorf("%s: %+v instead of %+v", name, got[i], want[i])
			}
		}
	}
	if _, err := migrate(ctx, one, there, options()); !errors.Is(err, sql.ErrNotEmpty) {
		t.Errorf("migrated over what is there: %v", err)
	}
	s := berthtest.Start(t, func(to *server.Config) { to.Folder = back.Folder })
	for i := range uint64(6) {
		s.Pull(t, account.Caller.At(s).Login(t, "us-east-1"), repository, fmt.Sprint("v", i), image(i))
	}
}

// What the original lacks does not stop a backup, and is named; what is damaged in the backup is found by --verify and copied again (F07, F28).
func TestDamage(t *testing.T) {
	s, _, login := start(t, small)
	for i := range uint64(3) {
		s.Push(t, login, repository, fmt.Sprint("v", i), image(i))
	}
	live, place := installation(s.Config), filepath.Join(t.TempDir(), "backup")
	if _, err := take(t, live, place, options()); err != nil {
		t.Fatal(err)
	}
	object := func(folder string, content []byte) (path string) {
		filepath.WalkDir(filepath.Join(folder, "blobs", "blob"), func(p string, e fs.DirEntry, _ error) error { //nolint:errcheck // it is found or not
			if have, err := os.ReadFile(p); err == nil && bytes.Equal(have, content) {
				path = p
			}
			return nil
		})
		return path
	}
	layer := image(1).Layers[0]
	flipped := append([]byte{layer[0] ^ 1}, layer[1:]...)
	if err := os.WriteFile(object(place, layer), flipped, 0o600); err != nil {
		t.Fatal(err)
	}
	o := options()
	o.Verify = true
	m, err := take(t, live, place, o)
	if err != nil || m.Mended != 1 || m.Copied != 1 || object(place, layer) == "" {
		t.Fatalf("%v: mended %d, copied %d", err, m.Mended, m.Copied)
	}

	// The original is damaged before a first backup: the layer is named, and everything else can be restored. A push brings it back.
	if err := os.WriteFile(object(s.Config.Data, layer), flipped, 0o600); err != nil {
		t.Fatal(err)
	}
	place = filepath.Join(t.TempDir(), "second")
	if m, err = take(t, live, place, options()); err != nil || len(m.Damaged) != 1 || string(m.Damaged[0].Digest) != berthtest.Digest(layer) || m.Objects != 2 {
		t.Fatalf("%v: damaged %+v", err, m.Damaged)
	}
	restored := &server.Installation{Folder: server.Folder{Data: filepath.Join(t.TempDir(), "restored")}}
	r, err := restore(t, place, restored)
	if err != nil || len(r.Damaged) != 1 {
		t.Fatalf("%v: damaged %+v", err, r.Damaged)
	}
	again := berthtest.Start(t, func(c *server.Config) { c.Folder = restored.Folder })
	again.Pull(t, login, repository, "v0", image(0))
	at := again.StartUpload(t, login, repository)
	if resp, body := again.Do(t, login, http.MethodPut, at+"?digest="+berthtest.Digest(layer), bytes.NewReader(layer)); resp.StatusCode != http.StatusCreated {
		t.Fatalf("the layer pushed again: %s %s", resp.Status, body)
	}
	again.Pull(t, login, repository, "v1", image(1))
}

// F06: a disk of the backup that fails is no damage of the original: the backup fails.
func TestDiskOfTheBackupFails(t *testing.T) {
	s, _, login := start(t, small)
	s.Push(t, login, repository, "v1", image(1))
	source, closeSource, err := installation(s.Config).Source(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	defer closeSource()
	files, err := blob.OpenFiles(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if m, err := backup.Backup(t.Context(), source, backup.Bucket(failing{files}), options()); !errors.Is(err, syscall.EIO) {
		t.Fatalf("%v: %+v", err, m)
	}
}

// failing is a store whose disk takes no layers.
type failing struct{ blob.Store }

func (s failing) Append(ctx context.Context, u *blob.Upload, r io.Reader) error {
	content, err := io.ReadAll(r)
	if err != nil || bytes.HasPrefix(content, []byte("SQLite format 3")) {
		return errors.Join(err, s.Store.Append(ctx, u, bytes.NewReader(content)))
	}
	return fault.Wrap(syscall.EIO, fault.Unavailable, "the registry's storage does not answer as it should; try again")
}

// A backup goes nowhere where something else is: all that nothing leads to would be removed there.
func TestPlacesThatAreTaken(t *testing.T) {
	one, _, _ := start(t, small)
	two := berthtest.Start(t, small)
	live, place := installation(one.Config), filepath.Join(t.TempDir(), "backup")
	if _, err := take(t, live, place, options()); err != nil {
		t.Fatal(err)
	}
	if _, err := take(t, installation(two.Config), place, options()); !errors.Is(err, backup.ErrTaken) {
		t.Errorf("over the backup of another installation: %v", err)
	}
	if _, _, err := server.OpenBackup(t.Context(), one.Config.Data, true); !errors.Is(err, server.ErrInUse) {
		t.Errorf("over what serves: %v", err)
	}
	bucket := s3test.Start(t)
	store, err := blob.OpenS3(t.Context(), bucket.URL("layers"))
	if err != nil {
		t.Fatal(err)
	}
	u := &blob.Upload{ID: "0b0e9c3c-5f5f-4a8e-9d37-1f2f3a4b5c6d"}
	if err := errors.Join(store.Append(t.Context(), u, bytes.NewReader(make([]byte, 100_000))), store.Commit(t.Context(), u)); err != nil {
		t.Fatal(err)
	}
	if _, err := take(t, live, bucket.URL("layers"), options()); !errors.Is(err, backup.ErrTaken) {
		t.Errorf("into a store of others: %v", err)
	}
	if _, err := restore(t, place, &server.Installation{Folder: server.Folder{Data: filepath.Join(t.TempDir(), "x")}, Stores: server.Stores{Blobs: bucket.URL("layers")}}); !errors.Is(err, backup.ErrTaken) {
		t.Errorf("restored into a store of others: %v", err)
	}
	if _, err := restore(t, t.TempDir(), &server.Installation{Folder: server.Folder{Data: filepath.Join(t.TempDir(), "x")}}); !errors.Is(err, backup.ErrNone) {
		t.Errorf("restored nothing: %v", err)
	}

	// A server that was started on a backup makes an installation of it.
	t.Run("served", func(t *testing.T) {
		s := berthtest.Start(t, func(c *server.Config) { c.Data = place })
		s.Account(t, "777788889999")
	})
	if _, err := take(t, live, place, options()); err == nil {
		t.Error("a backup was made over what was served")
	}
}
