package registry

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"log/slog"
	"os"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/storage/blob"
)

const (
	// verifiedFor is for how long the bytes of an object are trusted after they were read and found right: a disk can spoil them without a trace.
	verifiedFor = time.Hour
	// verifyFor is for how long the others trust an object longer while one reader looks again.
	verifyFor = time.Minute
	// verifiedMost is how many objects are remembered; each takes about 200 bytes.
	verifiedMost = 20_000
)

// verified are the objects whose bytes were found right a short time ago: they are served as they are, a file without being read into the process. All others are hashed on
// their way to the client.
type verified struct {
	objects *otter.Cache[blob.Key, trust]
}

// trust is in an object as it was: one that was changed in place is another.
type trust struct {
	modified time.Time
	until    time.Time
}

func newVerified() *verified {
	return &verified{otter.Must(&otter.Options[blob.Key, trust]{MaximumSize: verifiedMost})}
}

// trusts reports whether the object may be served as it is. Of those who ask when that has become unsure, one is told no, and has a minute to look.
func (v *verified) trusts(key blob.Key, modified, now time.Time) bool {
	t, ok := v.objects.GetIfPresent(key)
	if !ok || !t.modified.Equal(modified) {
		return false
	}
	if now.Before(t.until) {
		return true
	}
	v.objects.Set(key, trust{modified, now.Add(verifyFor)})
	return false
}

// errDamaged ends the answer of a blob whose bytes turn out to be wrong.
var errDamaged = errors.New("its bytes are not those of its digest")

// verify has the bytes of an object looked at while they are read, unless that was done a short time ago.
func (r *Repo) verify(ctx context.Context, l *layer, content blob.Content) blob.Content {
	var modified time.Time // a bucket's objects cannot be changed in place
	if file, ok := content.(*os.File); ok {
		info, err := file.Stat()
		if err != nil {
			return content // the first read tells
		}
		modified = info.ModTime()
	}
	if r.g.verified.trusts(l.key, modified, r.g.now()) {
		return content
	}
	return &verifying{Content: content, ctx: context.WithoutCancel(ctx), g: r.g, layer: l, modified: modified, sum: sha256.New()}
}

// verifying hashes a blob while it is read from its first byte on. The last bytes are given only if all were right, so that a client never gets a wrong blob whole (F07). A
// part of a blob is read as it is.
type verifying struct {
	blob.Content
	ctx      context.Context
	g        *Registry
	layer    *layer
	modified time.Time
	sum      hash.Hash
	at       int64
	part     bool // it is not read from the beginning
	told     error
}

// Read is io.Reader's. The error is errDamaged instead of the last bytes of a blob that is wrong, which is quarantined then.
func (v *verifying) Read(p []byte) (int, error) {
	if v.told != nil {
		return 0, v.told
	}
	n, err := v.Content.Read(p)
	if v.part || n == 0 {
		return n, err
	}
	v.sum.Write(p[:n])
	if v.at += int64(n); v.at < v.layer.Size {
		return n, err
	}
	if oci.FromHash(v.sum) == v.layer.Digest {
		v.g.verified.objects.Set(v.layer.key, trust{v.modified, v.g.now().Add(verifiedFor)})
		v.part = true
		return n, err
	}
	v.g.suspect(v.ctx, v.layer)
	v.told = fmt.Errorf("blob %s, key %s: %w", v.layer.Digest, v.layer.key, errDamaged)
	return 0, v.told
}

// Seek is io.Seeker's.
func (v *verifying) Seek(offset int64, whence int) (int64, error) {
	at, err := v.Content.Seek(offset, whence)
	v.at, v.part = at, at != 0
	v.sum.Reset()
	return at, err
}

// suspect looks at a blob again that was found damaged when somebody read it, and quarantines it if it is.
func (g *Registry) suspect(ctx context.Context, l *layer) {
	g.verified.objects.Invalidate(l.key)
	o := g.objects()
	var b storedBlob
	problem, gone := blob.Damage(""), false
	err := g.db.Row(ctx, selectBlob+` WHERE b.digest = $1`, []any{l.Digest}, &b.id, &b.digest, &b.size, &b.key, &b.away, &b.suspect, &b.bytes)
	if err == nil {
		problem, gone, err = o.examine(ctx, &b, true, nil)
	}
	if err == nil && problem != "" && !gone {
		_, err = o.quarantine(ctx, &b, true)
	}
	slog.ErrorContext(ctx, "a stored layer is damaged; it is not served until an image that has it is pushed again", "digest", l.Digest, "key", l.key, "problem", problem, "error", err)
}
