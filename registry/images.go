package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/storage/sql"
)

// Image is what is known of one stored manifest (API-51..54).
type Image struct {
	Digest            oci.Digest
	Tags              []string // in lexical order
	Size              int64    // bytes: config and layers; of an index, its largest child
	PushedAt          time.Time
	LastPull          time.Time // zero: never
	LastPuller        string    // ARN of who pulled it then; "" of a pull that nobody noted whose it was
	MediaType         string
	ArtifactMediaType string
	Subject           oci.Digest
	Status            ImageStatus
	ArchivedAt        time.Time // zero: never; stays after the image came back
	ActivatedAt       time.Time // zero: it never came back from the archive
}

// ImageStatus says where an image is kept (API-50, API-75).
type ImageStatus string

// An image is active; archived, and cannot be pulled (LC-35); or on its way back, and cannot be pulled yet.
const (
	Active     ImageStatus = "ACTIVE"
	Archived   ImageStatus = "ARCHIVED"
	Activating ImageStatus = "ACTIVATING"
)

// ImageFilter chooses images; nil and "" are all of them. What it leaves out costs nothing: a repository may hold a hundred thousand images with tags and three
// without, which somebody looks for.
type ImageFilter struct {
	Tagged *bool
	Status ImageStatus
	roots  bool // only what belongs to no other image
}

// where is the condition of the filter, and args with what it needs.
func (f ImageFilter) where(args []any) (string, []any) {
	var where string
	if f.Tagged != nil {
		args = append(args, *f.Tagged)
		where = " AND m.tagged = $" + strconv.Itoa(len(args))
	}
	if f.Status != "" {
		args = append(args, string(f.Status))
		where += " AND m.status = $" + strconv.Itoa(len(args))
	}
	if f.roots {
		where += rootsOnly
	}
	return where, args
}

const selectImage = `SELECT m.digest, m.image_size, m.pushed_at, m.last_pull, m.media_type, m.artifact_media_type, m.subject,
	m.status, m.archived_at, m.activated_at, m.last_puller FROM manifest m WHERE m.repository_id = $1`

func scanImage(row sql.Scanner) (Image, error) {
	var i Image
	var pushed, pulled, archived, activated int64
	err := row.Scan(&i.Digest, &i.Size, &pushed, &pulled, &i.MediaType, &i.ArtifactMediaType, &i.Subject, &i.Status, &archived, &activated, &i.LastPuller)
	i.PushedAt, i.LastPull, i.ArchivedAt, i.ActivatedAt = sql.Time(pushed), sometime(pulled), sometime(archived), sometime(activated)
	return i, err
}

// sometime is the time that a column says, in which 0 is never.
func sometime(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return sql.Time(micros)
}

// Images lists the repository's images, the last pushed first, limit at a time, after the cursor that the page before ended with. next is empty at the end.
func (r *Repo) Images(ctx context.Context, f ImageFilter, after string, limit int) (list []Image, next string, err error) {
	err = r.g.db.View(ctx, func(tx *sql.Tx) error {
		if list, next, err = r.page(tx, f, after, "<", limit); err != nil {
			return err
		}
		tags, err := r.tagsOfAll(tx, len(list), func(i int) oci.Digest { return list[i].Digest })
		for i := range list {
			list[i].Tags = tags[list[i].Digest]
		}
		return err
	})
	return list, next, err
}

// tagsOfAll is tagsOf for n images at once: a page of them costs a few queries, and not one for each.
func (r *Repo) tagsOfAll(tx *sql.Tx, n int, digest func(i int) oci.Digest) (map[oci.Digest][]string, error) {
	tags := make(map[oci.Digest][]string, n)
	err := r.some(n, digest, func(in string, args []any) error {
		return tx.Rows(`SELECT digest, name FROM tag WHERE repository_id = $1 AND digest IN `+in+` ORDER BY digest, name`, args, func(row sql.Scanner) error {
			var d oci.Digest
			var name string
			err := row.Scan(&d, &name)
			tags[d] = append(tags[d], name)
			return err
		})
	})
	return tags, err
}

// page reads images without their tags, those that are < or <= the cursor, which is the time and the digest of one: a page costs the same wherever it
// stands in the list.
func (r *Repo) page(tx *sql.Tx, f ImageFilter, after, compare string, limit int) (list []Image, next string, err error) {
	where, args := f.where(sql.Args(r.ID))
	if after != "" {
		at, digest, ok := strings.Cut(after, " ")
		micros, err := strconv.ParseInt(at, 10, 64)
		if !ok || err != nil {
			return nil, "", fmt.Errorf("cursor %q", after)
		}
		args = append(args, micros, digest)
		where += fmt.Sprintf(` AND (m.pushed_at, m.digest) %s ($%d, $%d)`, compare, len(args)-1, len(args))
	}
	args = append(args, limit+1)
	last := ` LIMIT $` + strconv.Itoa(len(args))
	query := selectImage + where + ` ORDER BY m.pushed_at DESC, m.digest DESC` + last
	if f.Tagged != nil && f.Status == "" { // the index has the images of each status in their order
		some := func(s ImageStatus) string {
			return `SELECT * FROM (` + selectImage + where + ` AND m.status = '` + string(s) + `' ORDER BY m.pushed_at DESC, m.digest DESC` + last + `) ` + string(s)
		}
		query = some(Active) + ` UNION ALL ` + some(Archived) + ` UNION ALL ` + some(Activating) + ` ORDER BY pushed_at DESC, digest DESC` + last
	}
	err = tx.Rows(query, args, func(row sql.Scanner) error {
		i, err := scanImage(row)
		list = append(list, i)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	if len(list) > limit {
		list = list[:limit]
		next = cursor(list[limit-1])
	}
	return list, next, nil
}

func cursor(i Image) string {
	return strconv.FormatInt(sql.Micros(i.PushedAt), 10) + " " + string(i.Digest)
}

// ImagesByID finds images in the order of ids. One that is not there fails the whole call: ImageNotFound with the text of API-51. An image that is named
// twice is told once.
func (r *Repo) ImagesByID(ctx context.Context, ids []Reference) (list []Image, err error) {
	err = r.g.db.View(ctx, func(tx *sql.Tx) error {
		seen := map[oci.Digest]bool{}
		for _, id := range ids {
			digest := id.Digest
			if id.Tag != "" {
				err := tx.Row(`SELECT digest FROM tag WHERE repository_id = $1 AND name = $2`, sql.Args(r.ID, id.Tag), &digest)
				if errors.Is(err, sql.ErrNoRows) || err == nil && id.Digest != "" && digest != id.Digest {
					return r.noImage(id)
				}
				if err != nil {
					return err
				}
			}
			if seen[digest] {
				continue
			}
			seen[digest] = true
			found := len(list)
			err := tx.Rows(selectImage+` AND m.digest = $2`, sql.Args(r.ID, digest), func(row sql.Scanner) error {
				i, err := scanImage(row)
				list = append(list, i)
				return err
			})
			if err != nil {
				return err
			}
			if len(list) == found {
				return r.noImage(id)
			}
			if list[found].Tags, err = r.tagsOf(tx, digest); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

func (r *Repo) noImage(id Reference) error {
	or := func(s string) string {
		if s == "" {
			return "null"
		}
		return s
	}
	return fault.New(fault.ImageNotFound, "The image with imageId {imageDigest:'%s', imageTag:'%s'} does not exist within the repository with name '%s' in the registry with id '%s'",
		or(string(id.Digest)), or(id.Tag), r.Name, r.Account)
}

// ImageIDs lists the images under each of their tags, limit entries at a time (API-50). An untagged image is one entry.
func (r *Repo) ImageIDs(ctx context.Context, f ImageFilter, after string, limit int) (ids []ImageID, next string, err error) {
	// The cursor is that of the image of the last entry and the entry's tag: a page may end between two tags of an image, and what is pushed or deleted
	// before the next one is asked for must not move its beginning.
	at, told := "", ""
	if after != "" {
		i := strings.LastIndexByte(after, ' ')
		if i < 0 {
			return nil, "", fmt.Errorf("cursor %q", after)
		}
		at, told = after[:i], after[i+1:]
	}
	err = r.g.db.View(ctx, func(tx *sql.Tx) error {
		list, more, err := r.page(tx, f, at, "<=", limit+1) // the first may be the image of the last entry, without another tag
		if err != nil {
			return err
		}
		all, err := r.tagsOfAll(tx, len(list), func(i int) oci.Digest { return list[i].Digest })
		if err != nil {
			return err
		}
		last := after
		for _, i := range list {
			here, tags := cursor(i), all[i.Digest]
			switch {
			case here == at:
				tags = tags[sort.Search(len(tags), func(k int) bool { return tags[k] > told }):]
			case len(tags) == 0:
				tags = []string{""}
			}
			for _, tag := range tags {
				if len(ids) == limit {
					next = last
					return nil
				}
				ids = append(ids, ImageID{i.Digest, tag})
				last = here + " " + tag
			}
		}
		if more != "" {
			next = last
		}
		return nil
	})
	return ids, next, err
}

// Referrer is an entry of the referrers list (HTTP-28).
type Referrer struct {
	MediaType    string
	Digest       oci.Digest
	Size         int64 // bytes of the manifest
	ArtifactType string
	Annotations  map[string]string
	Status       ImageStatus
}

// Referrers lists the manifests whose subject is the given digest, which need not be stored itself, by digest, limit at a time. With artifactTypes only
// those of one of these types, with a status only those that have it (HTTP-28). The fault is AccessDenied, for those who may not pull the subject (OpenImages).
func (r *Repo) Referrers(ctx context.Context, subject oci.Digest, artifactTypes []string, status ImageStatus, after oci.Digest, limit int) (list []Referrer, more bool, err error) {
	if err := r.mayPull(ctx, "", subject); err != nil {
		return nil, false, err
	}
	query := `SELECT media_type, digest, body_size, artifact_type, annotations, status FROM manifest WHERE repository_id = $1 AND subject = $2 AND subject <> '' AND digest > $3`
	args := sql.Args(r.ID, subject, after, limit+1)
	if len(artifactTypes) > 0 {
		query += ` AND artifact_type IN ` + parameters(5, len(artifactTypes))
		for _, t := range artifactTypes {
			args = append(args, t)
		}
	}
	if status != "" {
		args = append(args, string(status))
		query += ` AND status = $` + strconv.Itoa(len(args))
	}
	err = r.g.db.Rows(ctx, query+` ORDER BY digest LIMIT $4`, args, func(row sql.Scanner) error {
		var e Referrer
		var annotations []byte
		if err := row.Scan(&e.MediaType, &e.Digest, &e.Size, &e.ArtifactType, &annotations, &e.Status); err != nil {
			return err
		}
		list = append(list, e)
		return json.Unmarshal(annotations, &list[len(list)-1].Annotations)
	})
	if err != nil {
		return nil, false, err
	}
	if len(list) > limit {
		return list[:limit], true, nil
	}
	return list, false, nil
}
