package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/sql"
)

// copyAtOnce is how many objects are copied at a time: a bucket far away answers late.
const copyAtOnce = 4

// stores are where the objects of an installation are.
type stores struct{ blobs, archive blob.Store }

func (s stores) of(o *registry.Object) (blob.Store, int) {
	if o.Archived && s.archive != nil {
		return s.archive, 1
	}
	return s.blobs, 0
}

func (s stores) all() []blob.Store {
	if s.archive == nil {
		return []blob.Store{s.blobs}
	}
	return []blob.Store{s.blobs, s.archive}
}

// copier copies objects that are not there yet.
type copier struct {
	from, to stores
	options  Options

	mu       sync.Mutex
	progress Progress
	there    [2]map[uuid.UUID]object // by the place of their store
	damaged  map[blob.Key]Damage
	copied   Report // Copied, CopiedBytes and Mended
	named    Report // Objects and Bytes
}

// object is what is known of one in the copy.
type object struct {
	size  int64
	named bool // a row of the copy leads to it
	good  bool // it was hashed in this run
}

// bulk copies the objects that rows lead to now. It is most of the work, and holds no snapshot of the database for it.
func (c *copier) bulk(ctx context.Context, db *sql.DB) (err error) {
	c.damaged = map[blob.Key]Damage{}
	for i, store := range c.to.all() {
		c.there[i] = map[uuid.UUID]object{}
		if err := store.Walk(ctx, func(key blob.Key, size int64, _ time.Time) error {
			id, err := uuid.Parse(string(key))
			if err == nil {
				c.there[i][id] = object{size: size}
			}
			return err
		}); err != nil {
			return err
		}
	}
	if c.progress.AllObjects, c.progress.AllBytes, err = registry.CountObjects(ctx, db); err != nil {
		return err
	}
	return c.each(ctx, db.In(ctx), c.copy)
}

// rest copies what the rows of the copy lead to and is not there yet: what came while the others were copied. All that these rows lead to is marked.
func (c *copier) rest(ctx context.Context, rows sql.Rows) error {
	c.mu.Lock()
	c.damaged, c.progress.Objects, c.progress.Bytes = map[blob.Key]Damage{}, 0, 0
	c.mu.Unlock()
	return c.each(ctx, rows, func(ctx context.Context, o *registry.Object) error {
		if err := c.copy(ctx, o); err != nil {
			return err
		}
		c.name(o)
		return nil
	})
}

func (c *copier) each(ctx context.Context, rows sql.Rows, f func(context.Context, *registry.Object) error) error {
	var last *registry.Object
	for {
		some, err := registry.Objects(rows, last)
		if err != nil || len(some) == 0 {
			return err
		}
		group, within := errgroup.WithContext(ctx)
		group.SetLimit(copyAtOnce)
		for i := range some {
			group.Go(func() error { return f(within, &some[i]) })
		}
		if err := group.Wait(); err != nil {
			return err
		}
		last = &some[len(some)-1]
	}
}

// copy sees to it that an object is in the copy. That the original has not got it as it should be is noted and is no error.
func (c *copier) copy(ctx context.Context, o *registry.Object) error {
	id, err := uuid.Parse(string(o.Key))
	if err != nil {
		return fmt.Errorf("object %q of %s: %w", o.Key, o.Digest, err)
	}
	to, at := c.to.of(o)
	c.mu.Lock()
	have, is := c.there[at][id]
	c.mu.Unlock()
	mend := false
	if is && have.size == o.Size && c.options.Verify && !have.good {
		damage, err := blob.Verify(ctx, to, o.Key, o.Size, o.Digest, nil)
		if err != nil {
			return err
		}
		mend = damage != ""
		have.good = !mend
	}
	if is && (have.size != o.Size || mend) {
		if err := to.Delete(ctx, o.Key); err != nil {
			return err
		}
		is, mend = false, true
	}
	if is {
		c.done(at, id, have, o.Size)
		return nil
	}
	from, _ := c.from.of(o)
	damage, err := c.transfer(ctx, from, to, o)
	if err != nil {
		return fmt.Errorf("object %s of %s: %w", o.Key, o.Digest, err)
	}
	if damage == "" && c.options.Verify {
		if damage, err = blob.Verify(ctx, to, o.Key, o.Size, o.Digest, nil); err == nil && damage != "" {
			err = fmt.Errorf("object %s of %s was written, and %s", o.Key, o.Digest, damage)
		}
		if err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if damage != "" {
		delete(c.there[at], id)
		c.damaged[o.Key] = Damage{o.Digest, o.Key, o.Size, string(damage)}
		return nil
	}
	c.there[at][id] = object{size: o.Size, good: true}
	c.copied.Copied++
	c.copied.CopiedBytes += o.Size
	if mend {
		c.copied.Mended++
	}
	c.progress.Objects++
	c.tell()
	return nil
}

// done notes an object that was there.
func (c *copier) done(at int, id uuid.UUID, have object, size int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.there[at][id] = have
	c.progress.Objects++
	c.progress.Bytes += size
	c.tell()
}

// name marks an object as one that a row of the copy leads to.
func (c *copier) name(o *registry.Object) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := uuid.MustParse(string(o.Key)) // copy has read it
	_, at := c.to.of(o)
	if have, is := c.there[at][id]; is {
		have.named = true
		c.there[at][id] = have
		c.named.Objects++
		c.named.Bytes += o.Size
	}
}

// transfer copies the bytes of an object under its own key. The damage is why the original cannot be copied.
func (c *copier) transfer(ctx context.Context, from, to blob.Store, o *registry.Object) (blob.Damage, error) {
	content, err := from.Open(ctx, o.Key, o.Size)
	if err != nil {
		return blob.Judge(err)
	}
	defer content.Close() //nolint:errcheck // it was only read
	u, source := &blob.Upload{ID: string(o.Key)}, &counting{Reader: content, c: c}
	err = to.Append(ctx, u, source)
	if source.failed != nil {
		if damage, _ := blob.Judge(source.failed); damage != "" {
			return damage, to.Abort(ctx, u)
		}
	}
	if err == nil {
		var is oci.Digest
		if is, err = u.Digest(); err == nil && is != o.Digest {
			return blob.Mismatch(is), to.Abort(ctx, u)
		}
	}
	if err == nil {
		err = to.Commit(ctx, u)
	}
	if err != nil {
		return "", errors.Join(err, to.Abort(context.WithoutCancel(ctx), u))
	}
	return "", nil
}

// prune removes what no row of the copy leads to, and what an earlier run left of objects that it had begun.
func (c *copier) prune(ctx context.Context) (removed int64, err error) {
	for at, store := range c.to.all() {
		for id, o := range c.there[at] {
			if o.named || c.there[1-at][id].named {
				continue
			}
			if err := store.Delete(ctx, blob.Key(id.String())); err != nil {
				return removed, err
			}
			removed++
		}
	}
	return removed, nil
}

// keep marks an object of the first store that no row leads to, and that is wanted all the same.
func (c *copier) keep(key blob.Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.there[0][uuid.MustParse(string(key))] = object{named: true}
}

// report fills in what was copied.
func (c *copier) report(r *Report) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r.Objects, r.Bytes = c.named.Objects, c.named.Bytes
	r.Copied, r.CopiedBytes, r.Mended = c.copied.Copied, c.copied.CopiedBytes, c.copied.Mended
	for _, d := range c.damaged {
		r.Damaged = append(r.Damaged, d)
	}
	slices.SortFunc(r.Damaged, func(a, b Damage) int { return strings.Compare(string(a.Key), string(b.Key)) })
}

// table is told of the progress with rows.
func (c *copier) table(name string, rows int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.progress.Table, c.progress.Rows = name, rows
	c.tell()
}

// tell says how far the copy is. c.mu is held.
func (c *copier) tell() {
	if c.options.Progress != nil {
		c.options.Progress(c.progress)
	}
}

// counting are the bytes of an object on their way.
type counting struct {
	io.Reader
	c      *copier
	failed error // that of the original; one of Append may be of the copy
}

// Read is io.Reader's.
func (r *counting) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && err != io.EOF {
		r.failed = err
	}
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	r.c.progress.Bytes += int64(n)
	r.c.tell()
	return n, err
}
