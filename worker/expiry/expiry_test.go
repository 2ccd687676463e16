package expiry_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/audit"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/sql"
	"github.com/berth-registry/berth/storage/sql/sqltest"
	"github.com/berth-registry/berth/worker/expiry"
)

const (
	account = "111222333444"
	region  = "us-east-2"
	newest  = `{"rules":[{"rulePriority":1,"selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":1},"action":{"type":"expire"}}]}`
)

// site is a database with some nodes on it, and a clock that the test moves.
type site struct {
	testing.TB
	mu    sync.Mutex
	now   time.Time
	dir   *iam.Directory
	log   *audit.Log
	nodes []*registry.Registry
	key   *iam.AccessKey
}

func (s *site) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(time.Microsecond)
	return s.now
}

func (s *site) later(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func (s *site) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func each(t *testing.T, nodes int, f func(s *site)) {
	sqltest.Each(t, func(t *testing.T, dsn string) {
		s := &site{TB: t, now: time.Now().Truncate(time.Millisecond)}
		for range nodes {
			db, err := sql.Open(t.Context(), dsn)
			s.ok(err)
			t.Cleanup(func() { db.Close() })
			blobs, err := blob.OpenFiles(t.TempDir())
			s.ok(err)
			s.log, err = audit.Open(t.Context(), db)
			s.ok(err)
			t.Cleanup(s.log.Close)
			s.dir, err = iam.Open(t.Context(), db, s.log, iam.Options{Now: s.clock})
			s.ok(err)
			t.Cleanup(s.dir.Close)
			g, err := registry.Open(t.Context(), db, blobs, s.dir, s.log, registry.Options{Now: s.clock})
			s.ok(err)
			t.Cleanup(g.Close)
			s.nodes = append(s.nodes, g)
		}
		var err error
		_, s.key, err = s.dir.CreateAccount(t.Context(), iam.NewAccount{ID: account})
		s.ok(err)
		f(s)
	})
}

// repository makes a repository that holds some images, whose policy keeps the newest.
func (s *site) repository(name string, images int) *registry.Repo {
	s.Helper()
	c, err := s.dir.Credential(s.Context(), s.key.ID, "", s.clock())
	s.ok(err)
	ctx := iam.With(s.Context(), &iam.Call{Principal: c.Principal, Time: s.clock(), Region: region, SourceIP: netip.MustParseAddr("203.0.113.7")})
	r, err := s.nodes[len(s.nodes)-1].CreateRepository(ctx, registry.Ref{Account: account, Region: region, Name: name}, registry.NewRepository{})
	s.ok(err)
	for i := range images {
		s.push(r, fmt.Sprint("v", i))
	}
	s.ok(r.SetLifecycle(ctx, newest))
	return r
}

func (s *site) push(r *registry.Repo, tag string) {
	s.Helper()
	body, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": oci.MediaTypeImageIndex, "manifests": []any{}, "annotations": map[string]string{"name": tag}})
	s.ok(err)
	_, err = r.PutImage(s.Context(), registry.PutImage{Body: body, Tag: tag})
	s.ok(err)
}

func (s *site) holds(r *registry.Repo, want ...string) {
	s.Helper()
	tags, _, err := r.TagNames(s.Context(), "", 100)
	s.ok(err)
	if !slices.Equal(tags, want) {
		s.Fatalf("there are %v, want %v", tags, want)
	}
}

// LC-24: a policy waits for a moment, runs within a minute, and then every hour.
func TestSchedule(t *testing.T) {
	each(t, 1, func(s *site) {
		work := func() { expiry.Work(s.Context(), s.nodes[0]) }
		r := s.repository("app", 3)
		work()
		s.holds(r, "v0", "v1", "v2")
		s.later(time.Minute)
		work()
		s.holds(r, "v2")
		s.push(r, "v3")
		s.later(59 * time.Minute)
		work()
		s.holds(r, "v2", "v3")
		s.later(2 * time.Minute)
		work()
		s.holds(r, "v3")
		// A preview waits for nothing, and comes before the next run of the policy.
		s.push(r, "v4")
		_, err := r.StartLifecyclePreview(s.Context(), "")
		s.ok(err)
		work()
		p, _, err := r.LifecyclePreview(s.Context(), registry.PreviewFilter{}, "", 10)
		s.ok(err)
		if p.Status != registry.PreviewComplete || p.Expiring != 1 {
			t.Errorf("%+v", p)
		}
		s.holds(r, "v3", "v4")
	})
}

// Nodes that work at once share what is due: each image goes once, and none is left.
func TestNodesShare(t *testing.T) {
	each(t, 2, func(s *site) {
		var list []*registry.Repo
		for i := range 4 {
			list = append(list, s.repository(fmt.Sprint("app", i), 4))
		}
		s.later(time.Minute)
		var both sync.WaitGroup
		for _, node := range s.nodes {
			both.Go(func() { expiry.Work(s.Context(), node) })
		}
		both.Wait()
		gone := map[string]int{}
		s.ok(s.log.Find(s.Context(), audit.Filter{Action: "ecr:PolicyExecutionEvent", Account: account}, func(r *audit.Record) error {
			gone[r.Resource+r.Tag]++
			return nil
		}))
		for _, r := range list {
			s.holds(r, "v3")
			for _, tag := range []string{"v0", "v1", "v2"} {
				if n := gone[r.ARN()+tag]; n != 1 {
					t.Errorf("%s:%s went %d times", r.Name, tag, n)
				}
			}
		}
		if len(gone) != 12 {
			t.Errorf("went %v", gone)
		}
	})
}

// A node works as soon as it runs, and ends when it is told to; a run that this interrupts is done by another node.
func TestRun(t *testing.T) {
	each(t, 2, func(s *site) {
		r := s.repository("app", 3)
		s.later(time.Minute)
		ctx, end := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			expiry.Run(ctx, s.nodes[0])
		}()
		for n := 0; ; n++ {
			if tags, _, err := r.TagNames(t.Context(), "", 10); err != nil || len(tags) == 1 {
				s.ok(err)
				break
			}
			if n == 1000 {
				t.Fatal("it did not work")
			}
			time.Sleep(10 * time.Millisecond)
		}
		end()
		<-ended
		s.holds(r, "v2")
		s.push(r, "v3")
		s.later(2 * time.Hour)
		over, cancel := context.WithCancel(t.Context())
		cancel()
		expiry.Run(over, s.nodes[0])
		s.holds(r, "v2", "v3")
		expiry.Work(t.Context(), s.nodes[1])
		s.holds(r, "v3")
	})
}
