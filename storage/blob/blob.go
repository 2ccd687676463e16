// Package blob keeps the bytes of layers and configurations: Files on a disk, S3 in a bucket. Both pass the suite in blobtest.
//
// A blob begins as an Upload, a value that its owner stores between requests, so that any node can go on with it. It ends as an object at a Key. The
// store knows nothing of digests, repositories or references: which objects are wanted is the registry's to say, in SQL.
package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/berth-registry/berth/fault"
)

// Key names one stored object: the id of the upload that it came from. Ids are never used twice, and so neither are keys: a late delete can never take
// away what was uploaded again (durability.md, section 3). It is not the digest because S3 cannot rename: the name must be known before the last byte
// has been hashed. Both stores put the object of key k at blob/<last two digits of k>/<k>, so that a folder of Files copied into a bucket is a valid
// S3 store under the same rows, and the other way round.
type Key string

// Store holds bytes by key. Its methods are safe for concurrent use, but for those on one upload: two that write to it at once would each believe in their own offset. That
// they do not is its owner's to see to, within the process by himself, and beyond it by Hold (H23). A method that finds the store broken, full or away answers the fault Unavailable,
// whose message holds no path and no host (F09, F15); ids and keys outside their grammar never reach the disk or the bucket (H05, H25).
type Store interface {
	// Hold keeps other processes that share this store from writing to the upload until release is called; its fault is UploadBusy. The owner of u holds it
	// from before it reads u until after it has stored it again: two nodes that append to the same u would write over each other's bytes. Stores whose
	// Commit finds out do nothing here.
	Hold(ctx context.Context, id string) (release func(), err error)

	// Append adds r to u, hashing on the way. What u says afterwards is durable as soon as u itself is stored.
	//
	// When r fails, because the client went away, u holds what had come until then, as durable as if r had ended there, and the error wraps r's (H22). When
	// the store fails, u is as it was, and the fault is Unavailable. So u may be stored whatever the error. The fault is UploadNotFound when the
	// bytes that u counts on are gone or its state is not of this store: the client has to start again.
	Append(ctx context.Context, u *Upload, r io.Reader) error

	// Commit makes u's content the object at u.Key(), durably: it is there after a power cut once Commit has answered nil (F02, F03). It does not change u,
	// and may be called again after it succeeded, and after a failure whose fault is Unavailable. Other faults are those of Append.
	Commit(ctx context.Context, u *Upload) error

	// Abort forgets the bytes of an upload that was not committed. That there are none is no error.
	Abort(ctx context.Context, u *Upload) error

	// Open reads the object at key, which has to have size bytes: ErrMissing and ErrSize say that it is not what the rows say it is, before a header is sent.
	Open(ctx context.Context, key Key, size int64) (Content, error)

	// URL is where a client may read the object at key by itself, for a limited time. It answers false when the store does not send clients elsewhere.
	URL(ctx context.Context, key Key, d Disposition) (string, bool)

	// Delete removes the object at key. That there is none is no error.
	Delete(ctx context.Context, key Key) error

	// Walk calls f for each object with its size in bytes and the time when it was stored, in no promised order. An error of f ends the walk and is returned.
	Walk(ctx context.Context, f func(key Key, size int64, stored time.Time) error) error

	// Note reads a note: some text about the whole store that is no blob. The error is ErrMissing if there is none of that name.
	Note(ctx context.Context, name string) ([]byte, error)

	// SetNote writes a note, durably and at once: who reads it sees the old one or the new one whole. nil removes it. Names are like "backup.json" or "tls/ca.pem".
	SetNote(ctx context.Context, name string, text []byte) error

	// Sweep removes what is left of uploads that were last written to, or on S3 begun, before olderThan, and for which live, called with the upload's id,
	// answers false: nobody will write to them, or does (I7, F12, F17). It answers how many it removed. An error of live ends the sweep and is returned.
	Sweep(ctx context.Context, olderThan time.Time, live func(id string) (bool, error)) (int, error)
}

// Content is an object being read. Files answers *os.File itself, so that net/http hands it to sendfile.
type Content interface {
	io.Reader
	io.Seeker
	io.Closer
}

// Disposition says how a client sees what it reads from a URL.
type Disposition struct {
	// MediaType is the Content-Type of the answer; empty leaves it to the store.
	MediaType string
	// Expires is how long the URL works: at most an hour, which is also what zero means.
	Expires time.Duration
}

var (
	// ErrMissing says that there is no object at a key.
	ErrMissing = errors.New("blob: no such object")
	// ErrSize says that the object at a key does not have the size that it should have.
	ErrSize = errors.New("blob: object has another size")
)

// Open finds the store that rawURL names: a folder ("/var/lib/berth/blobs", "file:///var/lib/berth/blobs") or a bucket ("s3://bucket/prefix?endpoint=…",
// see OpenS3). It fails when the store cannot be reached. Errors never hold the URL, which may carry a secret key.
func Open(ctx context.Context, rawURL string) (Store, error) {
	scheme, rest, ok := strings.Cut(rawURL, "://")
	switch {
	case !ok:
		return OpenFiles(rawURL)
	case scheme == "s3":
		return OpenS3(ctx, rawURL)
	case scheme != "file":
		return nil, errors.New("blob store: the URL has to be a folder, file:///folder or s3://bucket")
	case !strings.HasPrefix(rest, "/"):
		return nil, errors.New("blob store: a file URL has three slashes and an absolute folder: file:///var/lib/berth/blobs")
	}
	u, err := url.Parse(rawURL)
	if err != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("blob store: the file URL cannot be read; name the folder by itself")
	}
	return OpenFiles(u.Path)
}

// errUploadLost is the fault for an upload that cannot go on. cause is for the log.
func errUploadLost(id, format string, args ...any) error {
	return fault.Wrap(fmt.Errorf("blob: upload %q: "+format, append([]any{id}, args...)...), fault.UploadNotFound,
		"the upload is unknown or its content was lost; start the upload again")
}

// validID reports whether id is a UUID in its canonical form: what file and object names are made of.
func validID(id string) bool {
	if len(id) != 36 {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case (c < '0' || c > '9') && (c < 'a' || c > 'f'):
			return false
		}
	}
	return true
}

// shard is the folder of an id: its last two digits, which are random in every version of UUID in use. id is valid.
func shard(id string) string { return id[len(id)-2:] }
