package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/berth-registry/berth/backup"
	"github.com/berth-registry/berth/server"
)

// BackupCmd is `berth backup`.
type BackupCmd struct {
	To string `arg:"" help:"A folder, or s3://bucket/prefix?endpoint=… as of --blobs." placeholder:"DIR|URL"`
	server.Installation
	Verify bool `help:"Read every layer of the backup again, those of earlier backups too, and copy again what is damaged."`
}

// Help is the longer text of `berth backup --help`.
func (c *BackupCmd) Help() string {
	return `The server may go on serving: the backup holds everything that was acknowledged before it began, and nothing by halves. It needs no permission but to read the data folder, the database and the store for layers, which are named as for berth serve, and room for the database on its way to a bucket: where TMPDIR says, or in the data folder.
A second backup to the same place copies only layers that are new, and the database. Until it has come to its end, the one before it is what can be restored. What is interrupted goes on when it is started again.
The backup holds the keys of every account, and what can open what is sealed in the database: a folder is made for its owner only, and a bucket has to be closed to others.
Uploads that have not come to their end are not in it: their clients begin again.`
}

// Run makes the backup.
func (c *BackupCmd) Run(ctx context.Context, cli *CLI) error {
	source, closeSource, err := c.Source(ctx, false)
	if err != nil {
		return err
	}
	defer closeSource()
	place, closePlace, err := server.OpenBackup(ctx, c.To, true)
	if err != nil {
		return err
	}
	defer closePlace()
	show, clear := progress("backup")
	m, err := backup.Backup(ctx, source, place, backup.Options{Parts: server.Parts(), Berth: version(), Verify: c.Verify, Progress: show})
	clear()
	if err != nil {
		return fmt.Errorf("%s: %w", shown(c.To), err)
	}
	if cli.Output == "json" {
		err = printJSON(m)
	} else {
		told(&m.Report)
		fmt.Printf("database   %s\n", size(m.Size))
		fmt.Printf("\nThe backup is in %s. To restore it on an empty machine:\n\n  %s restore %s --data ./berth-data\n", shown(c.To), os.Args[0], quote(shown(c.To)))
	}
	return errors.Join(err, damage(&m.Report, "backup"))
}

// RestoreCmd is `berth restore`.
type RestoreCmd struct {
	From string `arg:"" help:"Where the backup is: a folder, or s3://bucket/prefix?…." placeholder:"DIR|URL"`
	server.Installation
	Verify bool `help:"Read every layer again after it was written. Each is hashed on its way in any case."`
}

// Help is the longer text of `berth restore --help`.
func (c *RestoreCmd) Help() string {
	return `The data folder, the database and the store for layers are named as for berth serve, may be of another kind than those that were backed up, and have to be empty. A backup that did not come to its end is refused. A restore that is interrupted goes on when it is started again.
Layers that the backup lacks are named, and everything else is restored: a push of the same content brings them back.`
}

// Run restores the backup.
func (c *RestoreCmd) Run(ctx context.Context, cli *CLI) error {
	place, closePlace, err := server.OpenBackup(ctx, c.From, false)
	if err != nil {
		return err
	}
	defer closePlace()
	if _, err := place.Manifest(ctx); err != nil { // before anything is made
		return fmt.Errorf("%s: %w", shown(c.From), err)
	}
	target, closeTarget, err := c.Target(ctx)
	if err != nil {
		return err
	}
	defer closeTarget()
	show, clear := progress("restore")
	report, err := backup.Restore(ctx, place, target, backup.Options{Parts: server.Parts(), Berth: version(), Verify: c.Verify, Progress: show})
	clear()
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return finished(cli, report, "restored", &c.Installation)
}

// MigrateCmd is `berth migrate`.
type MigrateCmd struct {
	FromData         string `help:"Data folder of the installation (default: ${default})." default:"./berth-data" type:"path" placeholder:"DIR"`
	FromDB           string `name:"from-db" help:"Its database, if not SQLite in the data folder: postgres://…." placeholder:"DSN"`
	FromBlobs        string `help:"Its layers, if not in the data folder: a folder, or s3://bucket/prefix?…." placeholder:"URL"`
	FromArchiveBlobs string `help:"The layers of its archived images, if they are elsewhere." placeholder:"URL"`

	ToData         string `help:"Data folder to make, for the first account's key and certificates." type:"path" required:"" placeholder:"DIR"`
	ToDB           string `name:"to-db" help:"Database to fill: an empty one of PostgreSQL (postgres://…); SQLite in the new data folder unless given." placeholder:"DSN"`
	ToBlobs        string `help:"Where layers go: a folder, or s3://bucket/prefix?…; in the new data folder unless given." placeholder:"URL"`
	ToArchiveBlobs string `help:"Where the layers of archived images go, if elsewhere." placeholder:"URL"`

	Verify bool `help:"Read every layer again after it was written. Each is hashed on its way in any case."`
}

// Help is the longer text of `berth migrate --help`.
func (c *MigrateCmd) Help() string {
	return `From one machine to a cluster (SQLite and a folder to PostgreSQL and a bucket), and back, or to other places of the same kind. The new places have to be empty; the installation stays as it is, and can be served again.
No server may write meanwhile. One on this machine is noticed. One on another that uses the same PostgreSQL is not: what it acknowledges after the rows were read is not in the copy. To be away for a short time only, copy most of it while it serves: berth backup to a folder or bucket, stop the servers,
berth backup again, which copies only what is new, and berth restore from there. What is interrupted goes on when it is started again. Each layer is hashed on its way, and each row is read again and compared.
Uploads that have not come to their end stay behind: their clients begin again.`
}

// Run migrates.
func (c *MigrateCmd) Run(ctx context.Context, cli *CLI) error {
	from := server.Installation{Folder: server.Folder{Data: c.FromData}, Database: server.Database{DB: c.FromDB}, Stores: server.Stores{Blobs: c.FromBlobs, ArchiveBlobs: c.FromArchiveBlobs}}
	to := server.Installation{Folder: server.Folder{Data: c.ToData}, Database: server.Database{DB: c.ToDB}, Stores: server.Stores{Blobs: c.ToBlobs, ArchiveBlobs: c.ToArchiveBlobs}}
	source, closeSource, err := from.Source(ctx, true)
	if errors.Is(err, server.ErrInUse) {
		err = fmt.Errorf("%w: stop it first, or what it goes on to write would not be in the copy", err)
	}
	if err != nil {
		return err
	}
	defer closeSource()
	target, closeTarget, err := to.Target(ctx)
	if err != nil {
		return err
	}
	defer closeTarget()
	show, clear := progress("migrate")
	report, err := backup.Migrate(ctx, source, target, backup.Options{Parts: server.Parts(), Berth: version(), Verify: c.Verify, Progress: show})
	clear()
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return finished(cli, report, "migrated", &to)
}

// finished tells what was made, and how to serve it.
func finished(cli *CLI, r *backup.Report, done string, at *server.Installation) error {
	if cli.Output == "json" {
		return errors.Join(printJSON(r), damage(r, "original"))
	}
	told(r)
	flags := " --data " + quote(at.Data)
	for _, f := range []struct{ name, value string }{{"--db", at.DB}, {"--blobs", at.Blobs}, {"--archive-blobs", at.ArchiveBlobs}} {
		if f.value != "" {
			flags += " " + f.name + " " + quote(shown(f.value))
		}
	}
	fmt.Printf("\nIt is %s. To serve it:\n\n  %s serve%s\n", done, os.Args[0], flags)
	return damage(r, "original")
}

// told prints what was copied.
func told(r *backup.Report) {
	took := r.Ended.Sub(r.Began)
	fmt.Printf("layers     %s in %d objects, of which %s in %d were copied now\n", size(r.Bytes), r.Objects, size(r.CopiedBytes), r.Copied)
	if r.Mended > 0 {
		fmt.Printf("mended     %d objects that were damaged\n", r.Mended)
	}
	if r.Removed > 0 {
		fmt.Printf("removed    %d objects that nothing needs any more\n", r.Removed)
	}
	fmt.Printf("rows       %d in %d tables\n", r.Rows, len(r.Tables))
	fmt.Printf("took       %s\n", took.Round(10*time.Millisecond))
}

// damage is the error that names what is not in a copy.
func damage(r *backup.Report, of string) error {
	if len(r.Damaged) == 0 {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "everything was copied but %d layers, which the %s has not got as it should:", len(r.Damaged), of)
	for i, d := range r.Damaged {
		if i == 20 {
			fmt.Fprintf(&b, "\n  and %d more (--output json has them all)", len(r.Damaged)-i)
			break
		}
		fmt.Fprintf(&b, "\n  %s %s", d.Digest, d.Reason)
	}
	b.WriteString("\nPush images with these layers again to mend them.")
	return errors.New(b.String())
}

// shown is a URL without the keys that it may hold.
func shown(place string) string {
	scheme, rest, ok := strings.Cut(place, "://")
	if !ok {
		return place
	}
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		rest = rest[at+1:]
	}
	return scheme + "://" + rest
}

// progress shows how far a copy is: in one line on a terminal, and in a line each minute elsewhere. clear takes the line away.
func progress(what string) (show func(backup.Progress), clear func()) {
	return line(newProgressLine(os.Stderr), what, time.Now)
}

func line(p *progressLine, what string, now func() time.Time) (show func(backup.Progress), clear func()) {
	began := now()
	p.shown = began
	show = func(c backup.Progress) {
		at := now()
		if !p.due(at) {
			return
		}
		text := fmt.Sprintf("%s: %d of %d layers, %s of %s", what, c.Objects, c.AllObjects, size(c.Bytes), size(c.AllBytes))
		switch spent := at.Sub(began); {
		case c.Table != "":
			text = fmt.Sprintf("%s: %d rows of %s", what, c.Rows, c.Table)
		case c.Bytes > 0 && c.Bytes < c.AllBytes && spent > 2*time.Second:
			left := time.Duration(float64(spent) * float64(c.AllBytes-c.Bytes) / float64(c.Bytes))
			text += fmt.Sprintf(", %s left", left.Round(time.Second))
		}
		p.print(text)
	}
	return show, p.clear
}
