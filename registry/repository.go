package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/storage/sql"
)

// NewRepository is what a repository is made with. The zero value is ECR's default.
type NewRepository struct {
	Mutability TagMutability
	ScanOnPush bool
	Encryption Encryption
	Tags       []Tag

	policy, lifecycle string // of a template: checked, with principals as unique ids
}

// CreateRepository makes a repository (API-34..38). It needs ecr:CreateRepository on the repository to be, and ecr:TagResource too when it carries tags.
// The faults are NameInvalid, InvalidParameter, InvalidTagParameter, TooManyTags, EncryptionKeyUnusable, AccessDenied, LimitExceeded (API-79) and
// RepositoryAlreadyExists.
func (g *Registry) CreateRepository(ctx context.Context, ref Ref, n NewRepository) (*Repo, error) {
	if err := oci.CheckRepository(ref.Name); err != nil {
		return nil, err
	}
	if n.Mutability.Mode == "" {
		n.Mutability.Mode = Mutable
	}
	if n.Encryption.Type == "" {
		n.Encryption.Type = "AES256"
	}
	if err := errors.Join(n.Mutability.check(), n.Encryption.check()); err != nil {
		return nil, err
	}
	tags, err := setTags(nil, n.Tags)
	if err != nil {
		return nil, err
	}
	call := iam.From(ctx)
	rules, err := g.rulesOf(ctx, ref.Account, ref.Region)
	if err != nil {
		return nil, err
	}
	target := rules.repository(ref)
	target.RequestTags, target.Tags = tagMap(tags), tagMap(tags)
	if err := g.who.Authorize(ctx, "ecr:CreateRepository", target); err != nil {
		return nil, err
	}
	if len(tags) > 0 {
		if err := g.who.Authorize(ctx, "ecr:TagResource", target); err != nil {
			return nil, err
		}
		call.Audit.Action = "ecr:CreateRepository"
	}
	full, err := g.held.full(ctx, g, ref)
	if err != nil {
		return nil, err
	}
	if full {
		return nil, fault.New(fault.LimitExceeded, "The registry with id '%s' has %d repositories, which is the limit", ref.Account, g.limits.Repositories)
	}
	repo := &Repository{Ref: ref, CreatedAt: g.now().UTC(), Mutability: n.Mutability, ScanOnPush: n.ScanOnPush, Encryption: n.Encryption, Tags: tags, rules: rules}
	err = g.db.Write(ctx, func(tx *sql.Tx) error {
		var one int
		err := tx.Row(`SELECT 1 FROM repository WHERE account = $1 AND region = $2 AND name = $3`, sql.Args(ref.Account, ref.Region, ref.Name), &one)
		if err == nil {
			return fault.New(fault.RepositoryAlreadyExists, "The repository with name '%s' already exists in the registry with id '%s'", ref.Name, ref.Account)
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		repo.ID, err = tx.InsertNew(repo.CreatedAt, func(id int64) (int64, error) {
			return tx.Exec(`INSERT INTO repository (id, account, region, name, created_at, mutability, exclusions, scan_on_push, encryption, kms_key, tags, policy)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, NULLIF($12, '')) ON CONFLICT DO NOTHING`,
				id, ref.Account, ref.Region, ref.Name, sql.Micros(repo.CreatedAt), n.Mutability.Mode, toJSON(n.Mutability.Exclusions), n.ScanOnPush,
				n.Encryption.Type, n.Encryption.KMSKey, toJSON(tags), n.policy)
		})
		if err == nil && n.lifecycle != "" {
			err = g.putLifecycle(tx, repo.ID, n.lifecycle)
		}
		if err != nil {
			return err
		}
		return errors.Join(g.changed(tx, ref), g.record(tx, call))
	})
	if err != nil {
		return nil, err
	}
	g.held.added(ref)
	return &Repo{Repository: repo, g: g, call: call}, nil
}

// check applies API-36. Keys of a key service cannot be used as long as there is none to ask: a repository that said KMS and was not encrypted so would
// be a false promise.
func (e Encryption) check() error {
	switch e.Type {
	case "AES256":
		if e.KMSKey != "" {
			return fault.New(fault.InvalidParameter, "Invalid encryption configuration: Encryption key should not be set for AES256 encryption.")
		}
		return nil
	case "KMS", "KMS_DSSE":
		return fault.New(fault.EncryptionKeyUnusable, "This registry has no key service: create the repository with encryptionType AES256.")
	}
	return invalid("encryptionConfiguration.encryptionType", "Member must satisfy enum value set: [AES256, KMS, KMS_DSSE]")
}

// write runs a mutation of the repository: it fails with RepositoryNotFound when the repository has been deleted since it was opened, and writes the audit record.
func (r *Repo) write(ctx context.Context, f func(tx *sql.Tx) error) error {
	return r.g.db.Write(ctx, func(tx *sql.Tx) error {
		if err := r.alive(tx); err != nil {
			return err
		}
		if err := f(tx); err != nil {
			return err
		}
		return r.g.record(tx, r.call)
	})
}

func (r *Repo) alive(tx *sql.Tx) error {
	var one int
	err := tx.Row(`SELECT 1 FROM repository WHERE id = $1 AND account <> ''`, sql.Args(r.ID), &one)
	if errors.Is(err, sql.ErrNoRows) {
		return r.notFound()
	}
	return err
}

// SetMutability changes which tags may move, for later pushes (API-41). The fault is InvalidParameter.
func (r *Repo) SetMutability(ctx context.Context, m TagMutability) error {
	if err := m.check(); err != nil {
		return err
	}
	return r.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec(`UPDATE repository SET mutability = $1, exclusions = $2 WHERE id = $3`, m.Mode, toJSON(m.Exclusions), r.ID); err != nil {
			return err
		}
		return r.g.changed(tx, r.Ref)
	})
}

// SetScanOnPush keeps whether images are to be scanned when they are pushed.
func (r *Repo) SetScanOnPush(ctx context.Context, on bool) error {
	return r.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec(`UPDATE repository SET scan_on_push = $1 WHERE id = $2`, on, r.ID); err != nil {
			return err
		}
		return r.g.changed(tx, r.Ref)
	})
}

// TagResource adds resource tags, or gives those that exist another value (API-37, API-42). The faults are InvalidTagParameter and TooManyTags.
func (r *Repo) TagResource(ctx context.Context, tags []Tag) error {
	return r.retag(ctx, func(have []Tag) ([]Tag, error) { return setTags(have, tags) })
}

// UntagResource removes resource tags; keys that are not there do not matter.
func (r *Repo) UntagResource(ctx context.Context, keys []string) error {
	return r.retag(ctx, func(have []Tag) ([]Tag, error) {
		return slices.DeleteFunc(slices.Clone(have), func(t Tag) bool { return slices.Contains(keys, t.Key) }), nil
	})
}

func (r *Repo) retag(ctx context.Context, change func([]Tag) ([]Tag, error)) error {
	return r.write(ctx, func(tx *sql.Tx) error {
		now, err := r.g.scanRepository(func(dest ...any) error {
			return tx.Row(selectRepository+` WHERE id = $1`, sql.Args(r.ID), dest...)
		})
		if err != nil {
			return err
		}
		tags, err := change(now.Tags)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE repository SET tags = $1 WHERE id = $2`, toJSON(tags), r.ID); err != nil {
			return err
		}
		return r.g.changed(tx, r.Ref)
	})
}

// ResourceTags reads the tags as they are now.
func (r *Repo) ResourceTags(ctx context.Context) ([]Tag, error) {
	now, err := r.g.find(ctx, r.Ref)
	if err != nil {
		return nil, err
	}
	return now.Tags, nil
}

// setTags returns have with tags set, in the order of their keys, after checking them all (API-37, H58).
func setTags(have, tags []Tag) ([]Tag, error) {
	out := slices.Clone(have)
	seen := map[string]bool{}
	for _, t := range tags {
		switch {
		case t.Key == "" || utf8.RuneCountInString(t.Key) > 128:
			return nil, fault.New(fault.InvalidTagParameter, "Invalid parameter at 'tags' failed to satisfy constraint: 'a tag key has 1 to 128 characters'")
		case utf8.RuneCountInString(t.Value) > 256:
			return nil, fault.New(fault.InvalidTagParameter, "Invalid parameter at 'tags' failed to satisfy constraint: 'a tag value has at most 256 characters'")
		case strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
			return nil, fault.New(fault.InvalidTagParameter, "Invalid parameter at 'tags' failed to satisfy constraint: 'aws: prefixed tag key names are not allowed for external use'")
		case seen[strings.ToLower(t.Key)]:
			// Keys that differ only by case would make conditions on aws:ResourceTag undecidable, for their names are compared without case (IAMP-1).
			return nil, fault.New(fault.InvalidTagParameter, "Invalid parameter at 'tags' failed to satisfy constraint: 'the tag key %s stands twice'", t.Key)
		}
		seen[strings.ToLower(t.Key)] = true
		at := slices.IndexFunc(out, func(h Tag) bool { return strings.EqualFold(h.Key, t.Key) })
		if at >= 0 {
			out[at] = t
		} else {
			out = append(out, t)
		}
	}
	if len(out) > 50 {
		return nil, fault.New(fault.TooManyTags, "The list of tags on the repository is over the limit. The maximum number of tags that can be applied to a repository is 50.")
	}
	slices.SortFunc(out, func(a, b Tag) int { return strings.Compare(a.Key, b.Key) })
	return out, nil
}

// Repositories lists the registry of account in region by name, limit at a time, after the name that the page before ended with. next is empty at the end.
// It needs ecr:DescribeRepositories on all of the registry's repositories (API-29).
func (g *Registry) Repositories(ctx context.Context, account, region, after string, limit int) (list []*Repository, next string, err error) {
	rules, err := g.rulesOf(ctx, account, region)
	if err != nil {
		return nil, "", err
	}
	if err := g.who.Authorize(ctx, "ecr:DescribeRepositories", rules.repository(Ref{account, region, "*"})); err != nil {
		return nil, "", err
	}
	return g.repositoriesWith(ctx, account, region, nil, after, limit)
}

// TagFilter finds repositories by a resource tag. A nil Value is any.
type TagFilter struct {
	Key   string
	Value *string
}

// filtersMost is how many tags can be asked for at once.
const filtersMost = 10

// RepositoriesByTags is Repositories for those that have all of the tags, compared byte for byte. It needs berth:ListRepositories on all of the registry's repositories.
// The faults are AccessDenied and InvalidParameter.
func (g *Registry) RepositoriesByTags(ctx context.Context, account, region string, tags []TagFilter, after string, limit int) (list []*Repository, next string, err error) {
	rules, err := g.rulesOf(ctx, account, region)
	if err != nil {
		return nil, "", err
	}
	if err := g.who.Authorize(ctx, "berth:ListRepositories", rules.repository(Ref{account, region, "*"})); err != nil {
		return nil, "", err
	}
	if len(tags) > filtersMost {
		return nil, "", fault.New(fault.InvalidParameter, "Repositories can be found by at most %d tags at once; these are %d", filtersMost, len(tags))
	}
	return g.repositoriesWith(ctx, account, region, tags, after, limit)
}

// repositoriesWith lists the repositories that have the tags.
func (g *Registry) repositoriesWith(ctx context.Context, account, region string, tags []TagFilter, after string, limit int) (list []*Repository, next string, err error) {
	query, args := selectRepository+` WHERE account = $1 AND region = $2 AND name > $3`, sql.Args(account, region, after)
	for _, t := range tags {
		// What a tag is written as cannot stand anywhere else in the JSON of tags, where quotes within texts are escaped.
		written := toJSON(Tag{Key: t.Key})
		if t.Value != nil {
			written = toJSON(Tag{t.Key, *t.Value})
		} else {
			written = strings.TrimSuffix(written, `"}`)
		}
		args = append(args, written)
		query += fmt.Sprintf(` AND replace(tags, $%d, '') <> tags`, len(args)) // LIKE is blind to case on one database and not on the other
	}
	args = append(args, limit+1)
	err = g.db.Rows(ctx, query+fmt.Sprintf(` ORDER BY name LIMIT $%d`, len(args)), args, func(row sql.Scanner) error {
		repo, err := g.scanRepository(row.Scan)
		list = append(list, repo)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	if len(list) > limit {
		list = list[:limit]
		next = list[limit-1].Name
	}
	return list, next, nil
}

// RepositoriesByName finds repositories in the order of names; each needs ecr:DescribeRepositories. One that is not there fails the whole call (API-39).
func (g *Registry) RepositoriesByName(ctx context.Context, account, region string, names []string) ([]*Repository, error) {
	list := make([]*Repository, 0, len(names))
	for _, name := range names {
		repo, err := g.Open(ctx, Ref{account, region, name}, "ecr:DescribeRepositories")
		if err != nil {
			return nil, err
		}
		list = append(list, repo.Repository)
	}
	return list, nil
}
