package blob_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/berth-registry/berth/storage/blob/blobtest"
)

// cpu reports the processor time per operation, system calls included: what a shared machine tells most reliably.
func cpu(b *testing.B) func() {
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	b.ResetTimer()
	return func() { b.ReportMetric(float64(used()-before)/float64(b.N)/1e6, "cpu-ms/op") }
}

// BenchmarkFiles compares a push with the least that it could cost: to hash, write and fsync the same bytes in the same folder.
func BenchmarkFiles(b *testing.B) {
	for _, size := range []int{2 << 20, 100 << 20} {
		content := blobtest.Bytes(1, size)
		b.Run(fmt.Sprintf("push/%dMiB", size>>20), func(b *testing.B) {
			s := openFiles(b, b.TempDir())
			b.SetBytes(int64(size))
			defer cpu(b)()
			for range b.N {
				u := blobtest.NewUpload()
				if err := s.Append(b.Context(), u, bytes.NewReader(content)); err != nil {
					b.Fatal(err)
				}
				if err := s.Commit(b.Context(), u); err != nil {
					b.Fatal(err)
				}
				if err := s.Delete(b.Context(), u.Key()); err != nil {
					b.Fatal(err)
				}
			}
		})
		// The same from a connection, as a server does it.
		b.Run(fmt.Sprintf("receive/%dMiB", size>>20), func(b *testing.B) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = listener.Close() }()
			s := openFiles(b, b.TempDir())
			b.SetBytes(int64(size))
			defer cpu(b)()
			for range b.N {
				go func() {
					if conn, err := net.Dial("tcp", listener.Addr().String()); err == nil {
						_, _ = conn.Write(content)
						_ = conn.Close()
					}
				}()
				conn, err := listener.Accept()
				if err != nil {
					b.Fatal(err)
				}
				u := blobtest.NewUpload()
				if err := s.Append(b.Context(), u, conn); err != nil {
					b.Fatal(err)
				}
				_ = conn.Close()
				if err := s.Commit(b.Context(), u); err != nil {
					b.Fatal(err)
				}
				if err := s.Delete(b.Context(), u.Key()); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("least/%dMiB", size>>20), func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "f")
			b.SetBytes(int64(size))
			defer cpu(b)()
			for range b.N {
				f, err := os.Create(path)
				if err != nil {
					b.Fatal(err)
				}
				sha256.Sum256(content)
				if _, err := f.Write(content); err != nil {
					b.Fatal(err)
				}
				if err := f.Sync(); err != nil {
					b.Fatal(err)
				}
				if err := f.Close(); err != nil {
					b.Fatal(err)
				}
				if err := os.Remove(path); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("pull/%dMiB", size>>20), func(b *testing.B) {
			s := openFiles(b, b.TempDir())
			u := blobtest.Push(b, s, content)
			b.SetBytes(int64(size))
			defer cpu(b)()
			for range b.N {
				c, err := s.Open(b.Context(), u.Key(), u.Size)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, c); err != nil {
					b.Fatal(err)
				}
				if err := c.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
