package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

// latencies are how long pulls took, in milliseconds.
type latencies struct {
	What       string // "calm", or "collecting"
	Pulls      int
	P50, P99   float64 // P99: the median of those of all windows, so that neither a long measurement nor a neighbour on the machine decides
	Seconds    float64
	Collected  int // objects that were removed meanwhile
	CPUPercent float64
}

func collecting() scenario {
	return scenario{
		name: "pull-while-collecting", title: "pulls of images, 100 a second by 4 clients, while 100,000 blobs are collected", unit: "times the p99 of calm", targets: []string{"berth"}, fresh: true,
		prepare: prepareImages, round: collectRound, once: true,
		goals: []goal{{figure: func(m *measured) []float64 { return []float64{p99Ratio(m.Latencies)} }, limit: 1.2}},
	}
}

// window is of how long a p99 is: of a thousand pulls.
const window = 10 * time.Second

// p99Ratio compares all pulls of a kind: the p99 of those while there was garbage by that of those when there was none, medians of the turns.
func p99Ratio(all []latencies) float64 {
	of := func(what string) (p99 []float64) {
		for _, l := range all {
			if l.What == what {
				p99 = append(p99, l.P99)
			}
		}
		return p99
	}
	return median(of("collecting")) / median(of("calm"))
}

// collectRound measures in turns: pulls in a registry without garbage, then the same while a third of the blobs is collected.
func collectRound(ctx context.Context, b *bench, m *measured) error {
	t := m.target
	const turns = 3
	for turn := range turns {
		for _, what := range []string{"calm", "collecting"} {
			n := 0
			if what == "collecting" {
				n = b.many / turns
			}
			fmt.Fprintf(b.say, "  %s %d\n", what, turn+1)
			// Both begin with a start, so that neither has the warmer caches.
			if err := t.offline(ctx, func(db *sql.DB) error { return litter(ctx, db, filepath.Join(t.dir, "data", "blobs", "blob"), n) }); err != nil {
				return err
			}
			l, err := t.pacedPulls(ctx, 3*window, n)
			if err != nil {
				return err
			}
			l.What = what
			m.Latencies = append(m.Latencies, l)
		}
	}
	return nil
}

// litter leaves n blobs at each step of the collection, as if their images had been deleted hours ago: layers whose lease is over, blobs that were condemned in an earlier
// round, and objects on disk without a row.
func litter(ctx context.Context, db *sql.DB, dir string, n int) error {
	if n == 0 {
		return nil
	}
	for id := range n {
		key := uuid.NewString()
		folder := filepath.Join(dir, key[len(key)-2:])
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, key), make([]byte, smallSize), 0o600); err != nil {
			return err
		}
		if _, err := db.ExecContext(ctx, `INSERT INTO dead_object (key, archive, since, size) VALUES ($1, FALSE, $2, $3)`, key, id, smallSize); err != nil {
			return err
		}
	}
	const numbers = `WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < $1) `
	for _, text := range []string{
		numbers + `INSERT INTO blob (id, digest, size, key, content, created_at) SELECT (SELECT max(id) FROM blob) + n, 'sha256:' || lower(hex(randomblob(32))), 1024, '', randomblob(1024), 1 FROM n`,
		`INSERT INTO condemned_blob (blob_id, since, round) SELECT id, 1, 0 FROM (SELECT id FROM blob ORDER BY id DESC LIMIT $1)`,
		numbers + `INSERT INTO blob (id, digest, size, key, content, created_at) SELECT (SELECT max(id) FROM blob) + n, 'sha256:' || lower(hex(randomblob(32))), 1024, '', randomblob(1024), 1 FROM n`,
		`INSERT INTO layer (repository_id, digest, blob_id, size, pushed_at, upload, lease_until)
			SELECT (SELECT id FROM repository WHERE name = '` + small + `'), digest, id, size, 1, '', 1 FROM (SELECT id, digest, size FROM blob ORDER BY id DESC LIMIT $1)`,
	} {
		if _, err := db.ExecContext(ctx, text, n); err != nil {
			return err
		}
	}
	// Counted from nothing: the server begins to collect before anybody can ask it how much it has.
	_, err := db.ExecContext(ctx, `UPDATE collection SET round = round + 3, layers = 0, objects = 0, bytes = 0`)
	return err
}

// collected reads how much of the last litter has gone through every step.
func (t *target) collected(ctx context.Context) (n int, err error) {
	db, err := sql.Open("sqlite", filepath.Join(t.dir, "data", "berth.db")+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		return 0, err
	}
	defer db.Close()
	err = db.QueryRowContext(ctx, `SELECT min(objects / 2, layers) FROM collection`).Scan(&n)
	return n, err
}

// pacedPulls pulls images at a pace that leaves the processors time, for so long or until n blobs have been collected through every step, and notes how long each took
// from when its turn was. A server that stands still is so charged with all who waited.
func (t *target) pacedPulls(ctx context.Context, least time.Duration, n int) (latencies, error) {
	const clients, pace = 4, 40 * time.Millisecond
	start, cpu := time.Now(), t.process.cpu()
	var all []float64
	windows := map[int][]float64{}
	var mu sync.Mutex
	over := make(chan struct{})
	failed := make(chan error, 1)
	go func() {
		failed <- each(clients, func(c int) error {
			p, err := dial(t)
			if err != nil {
				return err
			}
			defer p.close()
			for turn := 0; ; turn++ {
				due := start.Add(time.Duration(turn)*pace + time.Duration(c)*pace/clients)
				select {
				case <-over:
					return nil
				case <-time.After(time.Until(due)):
				}
				i := t.images[(c*13+turn)%len(t.images)]
				for _, path := range []string{"/manifests/" + i.tag, "/blobs/" + i.config.digest, "/blobs/" + i.layers[0].digest} {
					if _, err := p.do(http.MethodGet, t.base+small+path, "", 200); err != nil {
						return err
					}
				}
				mu.Lock()
				took := time.Since(due).Seconds() * 1000
				all = append(all, took)
				windows[int(time.Since(start)/window)] = append(windows[int(time.Since(start)/window)], took)
				mu.Unlock()
			}
		})
	}()
	var err error
	now := 0
	for time.Since(start) < least || now < n {
		if err = pause(ctx, 200*time.Millisecond); err != nil {
			break
		}
		if n > 0 {
			if now, err = t.collected(ctx); err != nil {
				break
			}
			if now >= n {
				break
			}
		}
		if time.Since(start) > 10*time.Minute {
			err = fmt.Errorf("%d of %d collected in %s", now, n, time.Since(start))
			break
		}
	}
	took := time.Since(start)
	close(over)
	if ended := <-failed; err == nil {
		err = ended
	}
	if err != nil {
		return latencies{}, err
	}
	var p99s []float64
	for _, w := range windows {
		if len(w) >= 500 { // the last is cut off
			slices.Sort(w)
			p99s = append(p99s, w[len(w)*99/100])
		}
	}
	return latencies{Pulls: len(all), P50: median(all), P99: median(p99s), Seconds: took.Seconds(), Collected: now,
		CPUPercent: 100 * (t.process.cpu() - cpu).Seconds() / took.Seconds()}, nil
}

func (m *measured) printLatencies(w io.Writer) {
	for _, l := range m.Latencies {
		fmt.Fprintf(w, "  %-13s %-10s %6d pulls: p50 %6.2f ms, p99 %6.2f ms, server at %3.0f%% of a CPU, %6d blobs through each step of the collection in %.0f s\n",
			m.Target, l.What, l.Pulls, l.P50, l.P99, l.CPUPercent, l.Collected, l.Seconds)
	}
}
