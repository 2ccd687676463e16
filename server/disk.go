package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"
)

// probeEvery is how often at most a disk is asked whether it works, however many ask the server.
const probeEvery = 2 * time.Second

// disk is a folder of this machine in which an installation keeps something.
type disk struct {
	name, folder string
	spare        bool // most of what a server does goes on without it

	mu     sync.Mutex
	answer *probe // the last one, or the one that is on its way
}

// probe is one look at a disk. done is closed when err is there.
type probe struct {
	began time.Time
	done  chan struct{}
	err   error

	before error // of the one before
}

// disks are the folders that a server needs; buckets and PostgreSQL have their own machines.
func (c *Config) disks() []*disk {
	all := []*disk{{name: "data", folder: c.Data}}
	if blobs := c.blobs(&c.Folder); !strings.Contains(blobs, "://") || strings.HasPrefix(blobs, "file://") {
		all = append(all, &disk{name: "blobs", folder: strings.TrimPrefix(blobs, "file://")})
	}
	if archive := c.ArchiveBlobs; archive != "" && (!strings.Contains(archive, "://") || strings.HasPrefix(archive, "file://")) {
		all = append(all, &disk{name: "archive", folder: strings.TrimPrefix(archive, "file://"), spare: true})
	}
	return all
}

// works asks whether the disk takes a write and keeps it (F08). A disk that does not answer holds up no more than one look at it; who waits for that goes by ctx.
func (d *disk) works(ctx context.Context) error {
	p := d.ask()
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return fmt.Errorf("the disk of the folder for %s does not answer: %w", d.name, ctx.Err())
	}
}

// hangs is how long a look at a disk takes at most, if the disk works.
const hangs = 3 * time.Second

// fails reports whether the last look that has ended, or should have, found that the disk does not work. It waits for nothing.
func (d *disk) fails() bool {
	p := d.ask()
	if !p.over() {
		return time.Since(p.began) > hangs || p.before != nil
	}
	return p.err != nil
}

// ask is a look at the disk, the last one or a new one.
func (d *disk) ask() *probe {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.answer
	if p == nil || p.over() && time.Since(p.began) > probeEvery {
		next := &probe{began: time.Now(), done: make(chan struct{})}
		if p != nil {
			next.before = p.err
		}
		p, d.answer = next, next
		go func() {
			if p.err = d.write(); p.err != nil {
				slog.Error("the disk of a folder reports errors", "folder", d.name, "error", p.err)
			}
			close(p.done)
		}()
	}
	return p
}

func (p *probe) over() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// write writes over a few bytes of a file, which needs no space once it is there. A disk that is full works.
func (d *disk) write() error {
	file, err := os.OpenFile(filepath.Join(d.folder, "probe"), os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = file.WriteString(time.Now().UTC().Format(time.RFC3339) + "\n")
		if err == nil {
			err = file.Sync()
		}
		err = errors.Join(err, file.Close())
	}
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || errors.Is(err, unix.EMFILE) {
		return nil
	}
	return err
}

// healthy reports whether everything works that a server cannot do without.
func (s *Server) healthy(ctx context.Context) error {
	if err := s.db.Ping(ctx); err != nil {
		return fmt.Errorf("the database does not answer: %w", err)
	}
	for _, d := range s.disks {
		if d.spare {
			d.ask() // what it finds goes to the log and the metrics: an archive that is away must not take every node out
			continue
		}
		if err := d.works(ctx); err != nil {
			return fmt.Errorf("the disk of the folder for %s reports errors: %w", d.name, err)
		}
	}
	return nil
}

// diskMetrics tells at each look how much room there is (F09, F10).
type diskMetrics struct {
	server                     *Server
	bytes, inodes, full, fails *prometheus.Desc
}

func newDiskMetrics(s *Server) *diskMetrics {
	return &diskMetrics{s,
		prometheus.NewDesc("berth_disk_free_bytes", "Bytes that are free on the disk of a folder.", []string{"folder"}, nil),
		prometheus.NewDesc("berth_disk_free_inodes", "How many files more the disk of a folder takes.", []string{"folder"}, nil),
		prometheus.NewDesc("berth_disk_full", "1 while pushes are refused because the disk of the database is full, and deletions go on in the reserve.", nil, nil),
		prometheus.NewDesc("berth_disk_fails", "1 while the disk of a folder takes no writes for another reason than that it is full, or does not answer.", []string{"folder"}, nil),
	}
}

// Describe is prometheus.Collector's.
func (m *diskMetrics) Describe(to chan<- *prometheus.Desc) {
	to <- m.bytes
	to <- m.inodes
	to <- m.full
	to <- m.fails
}

// Collect is prometheus.Collector's.
func (m *diskMetrics) Collect(to chan<- prometheus.Metric) {
	for _, d := range m.server.disks {
		fails := 0.0
		if d.fails() {
			fails = 1
		}
		to <- prometheus.MustNewConstMetric(m.fails, prometheus.GaugeValue, fails, d.name)
		var is unix.Statfs_t
		if unix.Statfs(d.folder, &is) != nil {
			continue // that the disk is away is for the health to say
		}
		to <- prometheus.MustNewConstMetric(m.bytes, prometheus.GaugeValue, float64(is.Bavail)*float64(is.Bsize), d.name)
		if is.Files > 0 { // btrfs and others have as many as they want, and say 0
			to <- prometheus.MustNewConstMetric(m.inodes, prometheus.GaugeValue, float64(is.Ffree), d.name)
		}
	}
	full := 0.0
	if m.server.db.Room() != nil {
		full = 1
	}
	to <- prometheus.MustNewConstMetric(m.full, prometheus.GaugeValue, full)
}
