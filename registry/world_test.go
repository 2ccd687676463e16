package registry_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/audit"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/sql"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

const (
	vendor   = "111222333444"
	customer = "999888777666"
	region   = "us-east-2"
)

// world is a registry with two accounts, and a clock that tests move.
type world struct {
	testing.TB
	node
	dsn string
	// blobsURL is where its layers are.
	blobsURL string
	keys     map[string]*iam.AccessKey // of root users, by account
	clock    *clock
}

// node is one process's part of a world: several may serve one database.
type node struct {
	db    *sql.DB
	blobs blob.Store
	dir   *iam.Directory
	log   *audit.Log
	*registry.Registry
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Microsecond) // no two things happen at once, so that orders by time are total
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// each runs f on every kind of database, with blobs in files.
func each(t *testing.T, f func(w *world)) { eachWith(t, registry.Options{}, f) }

func eachWith(t *testing.T, o registry.Options, f func(w *world)) {
	sqltest.Each(t, func(t *testing.T, dsn string) { f(newWorld(t, dsn, t.TempDir(), o)) })
}

func newWorld(t testing.TB, dsn, blobs string, o registry.Options) *world {
	t.Helper()
	w := &world{TB: t, dsn: dsn, blobsURL: blobs, keys: map[string]*iam.AccessKey{}, clock: &clock{now: time.Now().Truncate(time.Millisecond)}}
	w.node = w.open(blobs, o)
	for _, id := range []string{vendor, customer} {
		_, key, err := w.dir.CreateAccount(t.Context(), iam.NewAccount{ID: id})
		w.ok(err)
		w.keys[id] = key
	}
	return w
}

// open is another process on the same database, and on a blob store.
func (w *world) open(blobs string, o registry.Options) (n node) {
	w.Helper()
	var err error
	n.db, err = sql.Open(w.Context(), w.dsn)
	w.ok(err)
	w.Cleanup(func() {
		sqltest.Plans(w, n.db, excuses(), "check*.go")
		n.db.Close()
	})
	n.log, err = audit.Open(w.Context(), n.db)
	w.ok(err)
	w.Cleanup(n.log.Close)
	n.blobs, err = blob.Open(w.Context(), blobs)
	w.ok(err)
	n.dir, err = iam.Open(w.Context(), n.db, n.log, iam.Options{Now: w.clock.Now})
	w.ok(err)
	w.Cleanup(n.dir.Close)
	if o.Now == nil {
		o.Now = w.clock.Now
	}
	n.Registry, err = registry.Open(w.Context(), n.db, n.blobs, n.dir, n.log, o)
	w.ok(err)
	w.Cleanup(n.Registry.Close)
	return n
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// refused asserts that err is a fault with code whose message has text in it.
func (w *world) refused(err error, code fault.Code, text string) {
	w.Helper()
	f := fault.As(err)
	if f == nil || f.Code != code || !strings.Contains(f.Message, text) {
		w.Fatalf("got %v, want %s with %q", err, code, text)
	}
}

// call is the context of one request signed with a key.
func (w *world) call(key *iam.AccessKey) context.Context {
	w.Helper()
	return w.callOn(w.node, key)
}

func (w *world) callOn(n node, key *iam.AccessKey) context.Context {
	w.Helper()
	c, err := n.dir.Credential(w.Context(), key.ID, "", w.clock.Now())
	w.ok(err)
	return iam.With(w.Context(), &iam.Call{
		Principal: c.Principal, Session: c.Session, AccessKeyID: c.AccessKeyID, RequestID: "r-1", Time: w.clock.Now(), Region: region,
		SourceIP: netip.MustParseAddr("203.0.113.7"), Secure: true, UserAgent: "docker/28.0",
	})
}

// root is the context of a request of the account's root user.
func (w *world) root(account string) context.Context {
	w.Helper()
	return w.call(w.keys[account])
}

// user makes a user with an identity policy for actions on everything, and answers its key.
func (w *world) user(account, name string, actions ...string) *iam.AccessKey {
	w.Helper()
	root := w.root(account)
	_, err := w.dir.CreateUser(root, iam.NewUser{Name: name})
	w.ok(err)
	if len(actions) > 0 {
		w.ok(w.dir.PutInlinePolicy(root, iam.Ref{Kind: iam.KindUser, Name: name}, "p",
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["`+strings.Join(actions, `","`)+`"],"Resource":"*"}]}`))
	}
	key, err := w.dir.CreateAccessKey(root, name)
	w.ok(err)
	return key
}

func ref(name string) registry.Ref { return registry.Ref{Account: vendor, Region: region, Name: name} }

// repo makes a repository of the vendor.
func (w *world) repo(name string, change ...func(*registry.NewRepository)) *registry.Repo {
	w.Helper()
	var n registry.NewRepository
	for _, f := range change {
		f(&n)
	}
	r, err := w.CreateRepository(w.root(vendor), ref(name), n)
	w.ok(err)
	return r
}

// again opens a repository as the next request does.
func (w *world) again(name string) *registry.Repo {
	w.Helper()
	r, err := w.Open(w.root(vendor), ref(name), "ecr:BatchGetImage")
	w.ok(err)
	return r
}

// push stores a layer.
func (w *world) push(r *registry.Repo, content []byte) oci.Digest {
	w.Helper()
	d := oci.FromBytes(content)
	l, err := r.PutLayer(w.Context(), d, strings.NewReader(string(content)))
	w.ok(err)
	if l.Digest != d || l.Size != int64(len(content)) {
		w.Fatalf("stored %+v", l)
	}
	return d
}

// manifest is an image of a config and one layer, which are pushed; the manifest is not.
func (w *world) manifest(r *registry.Repo, change ...func(map[string]any)) []byte {
	w.Helper()
	config, layer := random(40), random(60)
	w.push(r, config)
	w.push(r, layer)
	m := map[string]any{"schemaVersion": 2, "mediaType": oci.MediaTypeImageManifest,
		"config": describe("application/vnd.oci.image.config.v1+json", config), "layers": []any{describe("application/vnd.oci.image.layer.v1.tar", layer)}}
	for _, f := range change {
		f(m)
	}
	return encode(m)
}

// image pushes a manifest; an empty tag leaves it untagged.
func (w *world) image(r *registry.Repo, tag string, body []byte) oci.Digest {
	w.Helper()
	s, err := r.PutImage(w.Context(), registry.PutImage{Body: body, Tag: tag})
	w.ok(err)
	if s.Digest != oci.FromBytes(body) {
		w.Fatalf("stored %+v", s)
	}
	return s.Digest
}

// pushed makes an image of two new blobs.
func (w *world) pushed(r *registry.Repo, tag string) oci.Digest {
	w.Helper()
	return w.image(r, tag, w.manifest(r))
}

func subject(d oci.Digest) func(map[string]any) {
	return func(m map[string]any) {
		m["subject"] = map[string]any{"mediaType": oci.MediaTypeImageManifest, "digest": d, "size": 100}
	}
}

func (w *world) index(r *registry.Repo, children ...oci.Digest) []byte {
	w.Helper()
	list := []any{}
	for _, d := range children {
		m, err := r.Manifest(w.Context(), registry.Reference{Digest: d})
		w.ok(err)
		list = append(list, describe(m.MediaType, m.Body))
	}
	return encode(map[string]any{"schemaVersion": 2, "mediaType": oci.MediaTypeImageIndex, "manifests": list})
}

func describe(mediaType string, content []byte) map[string]any {
	return map[string]any{"mediaType": mediaType, "digest": oci.FromBytes(content), "size": len(content)}
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// objects counts the stored objects and the leftovers of uploads on files.
func objects(t testing.TB, folder string) (stored, uploads int) {
	t.Helper()
	a, err := filepath.Glob(filepath.Join(folder, "blob", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := filepath.Glob(filepath.Join(folder, "upload", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return len(a), len(b)
}

// eventually waits until done, for as long as the test may take.
func eventually(t testing.TB, done func() bool) {
	t.Helper()
	for range 1000 {
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("it did not happen")
}
