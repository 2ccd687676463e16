package backup

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/storage/blob"
)

// Place is where a backup is: a folder, which is laid out as a data folder is (berth.db, blobs/, credentials), or a bucket, in which the database is an object among the
// others, and everything else has the same name. Its manifest says what it holds, and that it is whole.
type Place struct {
	store  blob.Store
	folder string // empty: a bucket
	run    string // of the backup that is being made in the bucket: see alone
}

// Open finds a place in a folder, which is made if it is not there. Only its owner can read it: it holds the keys of every account.
func Open(path string) (*Place, error) {
	store, err := blob.OpenFiles(filepath.Join(path, "blobs"))
	return &Place{store: store, folder: path}, err
}

// Bucket is a place in a bucket.
func Bucket(store blob.Store) *Place { return &Place{store: store} }

// Manifest says what a backup holds.
type Manifest struct {
	Format int `json:"format"`
	// Berth is the version of the program that made it.
	Berth string `json:"berth"`
	// Installation is the one that it is a backup of, whose later backups may take its place.
	Installation string `json:"installation"`
	Report
	// Database is what is the database file: its name in the folder, or its key in the bucket.
	Database string     `json:"database"`
	Size     int64      `json:"databaseBytes"`
	Digest   oci.Digest `json:"databaseDigest"`
	// Schema is the version of each part of the database.
	Schema map[string]int64 `json:"schema"`
	// Files are those that are in no database: the first key, and certificates.
	Files []string `json:"files"`
}

const (
	format       = 1
	manifestName = "backup.json"
	// nextName is the manifest that is about to be the one: in a folder the database and the manifest cannot be renamed in one step.
	nextName = "backup-next.json"
	// begunName marks a place where something is being made, or was and did not come to its end.
	begunName    = "unfinished.json"
	databaseName = "berth.db"
)

var (
	// ErrNone says that there is no backup at a place.
	ErrNone = errors.New("there is no backup")
	// ErrUnfinished says that the only backup at a place did not come to its end.
	ErrUnfinished = errors.New("the backup did not come to its end: run berth backup again")
	// ErrTaken says that a place is no empty one, and not one where the same thing was begun.
	ErrTaken = errors.New("it is not empty")
)

// begun is the mark of something unfinished.
type begun struct {
	Installation string    `json:"installation"`
	Began        time.Time `json:"began"`
}

func (p *Place) note(ctx context.Context, name string) ([]byte, error) {
	if p.folder != "" {
		return blob.ReadNote(p.folder, name)
	}
	return p.store.Note(ctx, name)
}

func (p *Place) setNote(ctx context.Context, name string, text []byte) error {
	if p.folder != "" {
		return blob.WriteNote(p.folder, name, text)
	}
	return p.store.SetNote(ctx, name, text)
}

// Manifest reads what the backup at the place holds. The error is ErrNone, or ErrUnfinished, or says that the database is not the one that was backed up.
func (p *Place) Manifest(ctx context.Context) (*Manifest, error) {
	m, _, err := p.find(ctx)
	return m, err
}

// find is Manifest, and says which note it is in.
func (p *Place) find(ctx context.Context) (m *Manifest, name string, err error) {
	m, err = p.manifest(ctx, manifestName)
	if errors.Is(err, blob.ErrMissing) || errors.Is(err, errOther) {
		next, nextErr := p.manifest(ctx, nextName)
		if nextErr == nil {
			return next, nextName, nil
		}
	}
	if !errors.Is(err, blob.ErrMissing) {
		return m, manifestName, err
	}
	if _, err := p.note(ctx, begunName); err == nil {
		return nil, "", ErrUnfinished
	}
	return nil, "", ErrNone
}

// errOther says that the database of a folder is not that of the manifest.
var errOther = errors.New("its berth.db is not the one that was backed up: it is another one, is damaged, or a server was started on it")

func (p *Place) manifest(ctx context.Context, name string) (*Manifest, error) {
	text, err := p.note(ctx, name)
	if err != nil {
		return nil, err
	}
	m := &Manifest{}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", name, err)
	}
	if m.Format != format {
		return nil, fmt.Errorf("the backup was made by a newer berth (%s): run that one", m.Berth)
	}
	if p.folder == "" {
		return m, nil // its database has a key of its own, and is hashed when it is fetched
	}
	if info, err := os.Stat(filepath.Join(p.folder, databaseName+"-wal")); err == nil && info.Size() > 0 {
		return nil, errOther
	}
	size, digest, err := hashFile(filepath.Join(p.folder, databaseName))
	if errors.Is(err, fs.ErrNotExist) || err == nil && (size != m.Size || digest != m.Digest) {
		return nil, errOther
	}
	return m, err
}

// begin refuses a place that is something else than a backup of the same installation, and marks it.
func (p *Place) begin(ctx context.Context, m *Manifest) error {
	old, name, err := p.find(ctx)
	switch {
	case errors.Is(err, ErrNone) || errors.Is(err, ErrUnfinished):
		if p.folder != "" {
			if _, err := os.Stat(filepath.Join(p.folder, databaseName)); err == nil {
				return fmt.Errorf("%w: there is a %s and no backup", ErrTaken, databaseName)
			}
		}
		return claim(ctx, p.store, p.note, p.setNote, m.Installation)
	case err != nil:
		return err
	case old.Installation != m.Installation:
		return fmt.Errorf("%w: there is a backup of another installation, of %s", ErrTaken, old.Ended.Format(time.RFC3339))
	case name == nextName: // the backup before did not get to this, and the next manifest of this one would be written over the only one that fits
		text, err := p.note(ctx, nextName)
		if err != nil {
			return err
		}
		return p.setNote(ctx, manifestName, text)
	}
	return nil
}

// claim marks a store as one in which the objects of an installation are being gathered. One that has objects must have the mark already: they are somebody else's, and
// what nothing leads to would be removed in the end.
func claim(ctx context.Context, store blob.Store, note func(context.Context, string) ([]byte, error), setNote func(context.Context, string, []byte) error, installation string) error {
	text, err := note(ctx, begunName)
	if err == nil {
		var mark begun
		if err := json.Unmarshal(text, &mark); err != nil || mark.Installation != installation {
			return fmt.Errorf("%w: something was begun there for another installation, %s", ErrTaken, mark.Began.Format(time.RFC3339))
		}
		return nil
	}
	if !errors.Is(err, blob.ErrMissing) {
		return err
	}
	err = store.Walk(ctx, func(blob.Key, int64, time.Time) error { return ErrTaken })
	if err != nil {
		if errors.Is(err, ErrTaken) {
			err = fmt.Errorf("%w: there are layers", ErrTaken)
		}
		return err
	}
	text, err = json.Marshal(begun{installation, time.Now().UTC()})
	if err != nil {
		return err
	}
	return setNote(ctx, begunName, text)
}

// staged is a database file that is being made.
type staged struct {
	path string
	drop func()
}

// stage makes room for a new database file: beside the old one, or on this machine if the place is a bucket.
func (p *Place) stage(data string) (*staged, error) {
	if p.folder != "" {
		path := filepath.Join(p.folder, databaseName+".new")
		removeDatabase(path)
		return &staged{path, func() { removeDatabase(path) }}, nil
	}
	dir, err := stagingFolder(data)
	if err != nil {
		return nil, fmt.Errorf("there is no room for the database on its way to the bucket (TMPDIR names a folder): %w", err)
	}
	return &staged{filepath.Join(dir.Name(), databaseName), func() {
		os.RemoveAll(dir.Name()) //nolint:errcheck // the next backup clears it
		dir.Close()              //nolint:errcheck // it was only locked
	}}, nil
}

// stagingName begins the name of a folder in which a database is on its way.
const stagingName = "berth-backup-"

// stagingFolder makes a folder where TMPDIR says, or else in the data folder: in a container that may write nowhere else, and the database has room where it is. What backups left there that
// were killed goes: the folder of one that runs is locked.
func stagingFolder(data string) (dir *os.File, err error) {
	err = errors.New("no folder can be written to")
	for _, in := range []string{os.Getenv("TMPDIR"), data, os.TempDir()} {
		if in == "" {
			continue
		}
		left, _ := filepath.Glob(filepath.Join(in, stagingName+"*")) //nolint:errcheck // the pattern is one
		for _, path := range left {
			clearStaged(path)
		}
		path, failed := os.MkdirTemp(in, stagingName)
		if failed != nil {
			err = failed
			continue
		}
		dir, failed = os.Open(path)
		if failed == nil {
			failed = unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		}
		return dir, failed
	}
	return nil, err
}

// clearStaged removes a folder that nobody has locked for a minute: a younger one may be about to be.
func clearStaged(path string) {
	dir, err := os.Open(path)
	if err != nil {
		return
	}
	defer dir.Close() //nolint:errcheck // it was only locked
	info, err := dir.Stat()
	if err == nil && info.IsDir() && time.Since(info.ModTime()) > time.Minute && unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
		os.RemoveAll(path) //nolint:errcheck // the next one tries again
	}
}

func removeDatabase(path string) {
	for _, end := range []string{"", "-wal", "-shm"} {
		os.Remove(path + end) //nolint:errcheck // most often there is none
	}
}

// commit makes what was copied the backup.
func (p *Place) commit(ctx context.Context, m *Manifest, s *staged, c *copier) (err error) {
	if m.Size, m.Digest, err = hashFile(s.path); err != nil {
		return err
	}
	m.Database = databaseName
	if p.folder == "" {
		key := blob.Key(uuid.NewString())
		if err := p.upload(ctx, key, s.path, m.Digest); err != nil {
			return err
		}
		m.Database = string(key)
		c.keep(key)
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if p.folder == "" {
		if err := p.first(ctx); err != nil {
			return err
		}
		return p.setNote(ctx, manifestName, text)
	}
	if err := syncFile(s.path); err != nil {
		return err
	}
	// After a crash between any of these either manifest names the database that is there.
	if err := p.setNote(ctx, nextName, text); err != nil {
		return err
	}
	if err := blob.Rename(s.path, filepath.Join(p.folder, databaseName)); err != nil {
		return err
	}
	return p.setNote(ctx, manifestName, text)
}

// upload puts a file at a key.
func (p *Place) upload(ctx context.Context, key blob.Key, path string, digest oci.Digest) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // it was only read
	u := &blob.Upload{ID: string(key)}
	if err := p.store.Append(ctx, u, file); err != nil {
		return errors.Join(err, p.store.Abort(context.WithoutCancel(ctx), u))
	}
	if is, err := u.Digest(); err != nil || is != digest {
		return errors.Join(err, p.store.Abort(ctx, u), errors.New("the database file changed while it was copied"))
	}
	return p.store.Commit(ctx, u)
}

// end takes the marks away.
func (p *Place) end(ctx context.Context) error {
	err := errors.Join(p.setNote(ctx, begunName, nil), p.setNote(ctx, nextName, nil))
	_, sweepErr := p.store.Sweep(ctx, time.Now().Add(-24*time.Hour), func(string) (bool, error) { return false, nil })
	return errors.Join(err, sweepErr)
}

// database is a file with the database of a backup: the backup's own, or a copy in the folder that is given.
func (p *Place) database(ctx context.Context, m *Manifest, folder string) (path string, drop func(), err error) {
	if p.folder != "" {
		return filepath.Join(p.folder, databaseName), func() {}, nil
	}
	path = filepath.Join(folder, "restore.db")
	drop = func() { removeDatabase(path) }
	content, err := p.store.Open(ctx, blob.Key(m.Database), m.Size)
	if err != nil {
		return "", nil, fmt.Errorf("the backup's database: %w", err)
	}
	defer content.Close() //nolint:errcheck // it was only read
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return "", nil, err
	}
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(file, sum), content)
	if err = errors.Join(err, file.Close()); err == nil && oci.FromHash(sum) != m.Digest {
		err = errOther
	}
	if err != nil {
		drop()
		return "", nil, err
	}
	return path, drop, nil
}

func hashFile(path string) (size int64, digest oci.Digest, err error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, "", err
	}
	defer file.Close() //nolint:errcheck // it was only read
	sum := sha256.New()
	size, err = io.Copy(sum, file)
	return size, oci.FromHash(sum), err
}

func syncFile(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
