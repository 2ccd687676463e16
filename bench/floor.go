package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// serveFloor answers the requests of a push with the least that a durable registry written in Go must do: it receives the bytes, hashes them,
// writes them to a file and fsyncs it. There is no authentication, no database, no rename and no folder to fsync: what is above it is a registry's own.
func serveFloor(addr, dir string) error {
	return http.ListenAndServe(addr, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := floor(w, r, dir); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}))
}

func floor(w http.ResponseWriter, r *http.Request, dir string) error {
	switch r.Method {
	case http.MethodHead:
		w.WriteHeader(http.StatusNotFound)
	case http.MethodPost:
		var id [16]byte
		if _, err := rand.Read(id[:]); err != nil {
			return err
		}
		w.Header().Set("Location", "/v2/uploads/"+hex.EncodeToString(id[:]))
		w.WriteHeader(http.StatusAccepted)
	case http.MethodPatch, http.MethodPut:
		if r.ContentLength != 0 {
			if err := receive(r.Body, filepath.Join(dir, "upload-"+strings.ReplaceAll(r.URL.Path, "/", "-")), r.ContentLength); err != nil {
				return err
			}
		}
		w.Header().Set("Location", r.URL.Path)
		if r.Method == http.MethodPatch {
			w.WriteHeader(http.StatusAccepted)
		} else {
			w.WriteHeader(http.StatusCreated)
		}
	}
	return nil
}

func receive(body io.Reader, file string, size int64) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	buffer := make([]byte, min(size, 256<<10)) // filled before it is used: what arrives at once is often little
	for left := size; left > 0; {
		part := buffer[:min(left, int64(len(buffer)))]
		if _, err := io.ReadFull(body, part); err != nil {
			return err
		}
		sum.Write(part)
		if _, err := f.Write(part); err != nil {
			return err
		}
		left -= int64(len(part))
	}
	if bytes.Equal(sum.Sum(nil), make([]byte, sha256.Size)) {
		return io.ErrUnexpectedEOF // so that the hash is not left out
	}
	return f.Sync()
}
