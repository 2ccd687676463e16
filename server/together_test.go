package server_test

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/berth-registry/berth/server"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// Nodes that start at once on an empty PostgreSQL all start, and make one first account between them.
func TestNodesStartTogether(t *testing.T) {
	dsn, blobs := sqltest.Postgres(t), t.TempDir()
	var mu sync.Mutex
	var group sync.WaitGroup
	first := 0
	for range 4 {
		folder := filepath.Join(t.TempDir(), "data")
		group.Go(func() {
			c := server.Config{Folder: server.Folder{Data: folder}, Listen: []string{"127.0.0.1:0"}, Names: server.Names{Regions: []string{"us-east-1"}}, Stores: server.Stores{Blobs: blobs}}
			c.DB = dsn
			s, err := server.Open(t.Context(), c, server.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			mu.Lock()
			defer mu.Unlock()
			if s.First != nil {
				first++
			}
		})
	}
	group.Wait()
	if first != 1 {
		t.Errorf("%d first accounts, want 1", first)
	}
}
