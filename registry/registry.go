// Package registry is the registry itself: repositories, images, tags, layers and uploads, their invariants and their SQL.
//
// Permission is a handle: Open authorises the caller for the actions that it is given and answers a Repo, whose methods need no further check. A door
// cannot forget to authorise, because without naming an action it has nothing to call.
package registry

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/arn"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/audit"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/event"
	"github.com/berth-registry/berth/storage/sql"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Registry holds the repositories of one cell: of many accounts and of the regions that the cell serves. It is safe for concurrent use.
type Registry struct {
	db    *sql.DB
	blobs blob.Store
	// archive holds the layers that only archived images use; nil if they stay with the others.
	archive blob.Store
	keep    time.Duration // for how long deleted images can be brought back
	times   GarbageTimes
	who     *iam.Directory
	log     *audit.Log
	now     func() time.Time // the clock of all nodes
	wall    func() time.Time // what other processes at the database read at this moment
	// events is where every change of images is told, in its own transaction.
	events *event.Outbox

	repositories *otter.Cache[Ref, cachedRepository]
	repository   *sql.Epoch // settings and existence of repositories
	rules        *otter.Cache[scope, cachedRules]
	registry     *sql.Epoch // what holds for the registries of an account

	contents *contents
	verified *verified
	pulls    *pulls
	sizes    *imageCounts
	held     *repositoryCounts
	limits   Limits
	holds    holds
	onDelete func(Ref)
	dead     struct { // what of the dead objects was tried to be deleted last
		sync.Mutex
		tried
	}
}

// Options of a Registry; the zero value serves.
type Options struct {
	// Now is the clock; nil is the database's, which all nodes share. That of a node, which may be wrong, decides nothing here (F23).
	Now func() time.Time
	// OnPull is called for each batch of recorded pulls, for metrics; nil is nobody.
	OnPull func(repository Ref, pulls int)
	// OnDelete is called when a repository was deleted by this node; nil is nobody.
	OnDelete func(repository Ref)
	// ContentBytes bounds the manifests and small blobs kept in memory; 0 is 32 MiB.
	ContentBytes uint64
	// Limits bounds what a client can make; zero fields are ECR's own.
	Limits Limits
	// Archive is the store for layers that only archived images use; nil leaves them with the others.
	Archive blob.Store
	// KeepRemoved is for how long deleted images can be brought back; 0 is not at all.
	KeepRemoved time.Duration
	// Garbage is for how long what nobody needs is kept.
	Garbage GarbageTimes
}

// Schema is the registry's part of the database.
func Schema() sql.Part {
	return sql.Part{Name: "registry", Steps: migrations, Bytewise: []string{"repository.name", "tag.name"}}
}

// Open brings the registry's tables up to date and starts the writer of pull times, which Close ends.
func Open(ctx context.Context, db *sql.DB, blobs blob.Store, who *iam.Directory, log *audit.Log, o Options) (*Registry, error) {
	if err := db.Bring(ctx, Schema()); err != nil {
		return nil, err
	}
	events, err := event.Open(ctx, db)
	if err != nil {
		return nil, err
	}
	if o.Archive == nil {
		var away bool
		if err := db.Row(ctx, `SELECT EXISTS (SELECT 1 FROM blob WHERE archived)`, nil, &away); err != nil {
			return nil, err
		}
		if away {
			return nil, errors.New("layers of archived images are in another store, which has to be named with --archive-blobs")
		}
	}
	read := o.Now
	if o.Now == nil {
		o.Now, read = db.Now, func() time.Time { return wall(db) }
	}
	if o.ContentBytes == 0 {
		o.ContentBytes = 32 << 20
	}
	g := &Registry{
		db: db, blobs: blobs, archive: o.Archive, keep: o.KeepRemoved, times: o.Garbage.orDefault(), who: who, log: log, now: o.Now, wall: read, events: events,
		repositories: otter.Must(&otter.Options[Ref, cachedRepository]{
			MaximumWeight: 16 << 20,
			Weigher:       func(_ Ref, c cachedRepository) uint32 { return uint32(1000 + 8*len(c.repo.policy)) }, // the policy is there as text and as tables
		}),
		repository: db.Epoch("repository"),
		rules: otter.Must(&otter.Options[scope, cachedRules]{
			MaximumWeight: 16 << 20,
			Weigher:       func(_ scope, c cachedRules) uint32 { return c.rules.size() },
		}),
		registry: db.Epoch("registry"),
		contents: newContents(db, o.ContentBytes),
		verified: newVerified(),
		sizes:    newImageCounts(),
		held:     newRepositoryCounts(),
		limits:   o.Limits.orDefault(),
		onDelete: o.OnDelete,
	}
	if _, err := g.Secret(ctx, identityOf); err != nil {
		return nil, err
	}
	if err := g.objects().claim(ctx, false); err != nil {
		return nil, err
	}
	g.dead.since = -1
	g.pulls = newPulls(db, o.OnPull)
	who.Know(g.resourceOf)
	return g, nil
}

// Close writes the pull times that are pending. The database must still be open.
func (g *Registry) Close() { g.pulls.close() }

// Secret returns the key that every node of the cell shares under name, making it at the first call: 32 random bytes.
func (g *Registry) Secret(ctx context.Context, name string) ([]byte, error) {
	fresh := make([]byte, 32)
	rand.Read(fresh) //nolint:errcheck // it cannot fail
	var value []byte
	err := g.db.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec(`INSERT INTO cell_secret (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, name, fresh); err != nil {
			return err
		}
		return tx.Row(`SELECT value FROM cell_secret WHERE name = $1`, sql.Args(name), &value)
	})
	return value, err
}

// Ref names a repository: the account that owns it, its region and its name, as a door decoded them.
type Ref struct{ Account, Region, Name string }

// ARN is the repository's resource name (API-23).
func (r Ref) ARN() string { return arn.Repository(r.Region, r.Account, r.Name) }

// Repo is a repository that the caller may use for the actions that it was opened with.
type Repo struct {
	*Repository
	g    *Registry
	call *iam.Call
	// images is what is still to be decided for each image; nil if the caller may act on all of them.
	images *imageRule
	naming naming
	// why is the reason that is kept of images that it deletes; "" is the action.
	why string
	// counted says that it is a run of the lifecycle policy, whose own doing its counts foresee: see disturb.
	counted bool
	// lost are tags that the request has deleted already of images that may go with a later one.
	lost map[oci.Digest][]removedTag
}

// Repository is a repository's row. It is shared between requests and must not be changed.
type Repository struct {
	Ref
	ID         int64
	CreatedAt  time.Time
	Mutability TagMutability
	TagPattern string // that every tag has to match; "" demands nothing
	ScanOnPush bool
	Encryption Encryption
	Tags       []Tag

	policy   string       // with principals as unique ids; "" without
	resource iam.Resource // as Authorize takes it, made once
	rules    *rules       // of its registry
}

// Tag is a resource tag of a repository (API-37); image tags are names of images.
type Tag struct{ Key, Value string }

// Encryption says how a repository's layers are encrypted at rest. It cannot be changed after creation (API-34).
type Encryption struct{ Type, KMSKey string }

type cachedRepository struct {
	stamp, rules sql.Stamp // of the repository and of what holds for its registry
	repo         *Repository
}

// Open is the only way to a repository. Each of the actions ("ecr:BatchGetImage") must be allowed to the caller of ctx, and is noted in the audit record.
//
// The faults are NameInvalid; AccessDenied, which a caller of another account gets for a repository that does not exist just as for one that does not
// admit them, so that existence does not leak (API-28); and RepositoryNotFound.
//
// Actions on images have OpenImages.
func (g *Registry) Open(ctx context.Context, ref Ref, actions ...string) (*Repo, error) {
	return g.open(ctx, ref, nil, nil, actions...)
}

// OpenTagging is Open for TagResource and UntagResource, whose policies may look at the tags that the request carries (API-30).
func (g *Registry) OpenTagging(ctx context.Context, ref Ref, action string, tags []Tag, keys []string) (*Repo, error) {
	return g.open(ctx, ref, tagMap(tags), keys, action)
}

// resourceOf is a repository as policies see it, or a registry as a whole ("*"), for those who explain decisions. A repository that does not exist has neither policy
// nor tags, so that the answer is the same as that of Open. What is neither is nil.
func (g *Registry) resourceOf(ctx context.Context, a arn.ARN) (*iam.Resource, error) {
	if a.Service != "ecr" || !arn.IsAccount(a.Account) {
		return nil, nil
	}
	name, ok := strings.CutPrefix(a.Resource, "repository/")
	ref := Ref{Account: a.Account, Region: a.Region, Name: name}
	if ok {
		repo, err := g.find(ctx, ref)
		if err == nil {
			return &repo.resource, nil
		}
		if !fault.Is(err, fault.RepositoryNotFound) && !fault.Is(err, fault.NameInvalid) {
			return nil, err
		}
	} else if a.Resource != "*" {
		return nil, nil
	}
	rules, err := g.rulesOf(ctx, a.Account, a.Region)
	if err != nil {
		return nil, err
	}
	if !ok {
		return rules.resource("*", a.Account), nil
	}
	return rules.repository(ref), nil
}

func (g *Registry) open(ctx context.Context, ref Ref, requestTags map[string]string, tagKeys []string, actions ...string) (*Repo, error) {
	repo, target, err := g.target(ctx, ref)
	if target == nil {
		return nil, err
	}
	call := iam.From(ctx)
	if requestTags != nil || tagKeys != nil {
		with := *target
		with.RequestTags, with.TagKeys = requestTags, tagKeys
		target = &with
	}
	for _, action := range actions {
		if denied := g.who.Authorize(ctx, action, target); denied != nil {
			return nil, denied
		}
	}
	if repo == nil {
		return nil, err
	}
	return &Repo{Repository: repo, g: g, call: call}, nil
}

// target is the repository, and what Authorize asks about: also of one that does not exist, which is RepositoryNotFound to those who may know it.
func (g *Registry) target(ctx context.Context, ref Ref) (*Repository, *iam.Resource, error) {
	repo, err := g.find(ctx, ref)
	switch {
	case err == nil:
		return repo, &repo.resource, nil
	case fault.Is(err, fault.RepositoryNotFound):
		rules, failed := g.rulesOf(ctx, ref.Account, ref.Region)
		if failed != nil {
			return nil, nil, failed
		}
		return nil, rules.repository(ref), err
	}
	return nil, nil, err
}

// find reads a repository, from memory when it has not changed since.
func (g *Registry) find(ctx context.Context, ref Ref) (*Repository, error) {
	stamp, ofRules := g.repository.Stamp(ref.Name), g.registry.Stamp(ref.Account)
	if c, ok := g.repositories.GetIfPresent(ref); ok && stamp != 0 && c.stamp == stamp && ofRules != 0 && c.rules == ofRules {
		return c.repo, nil
	}
	if err := oci.CheckRepository(ref.Name); err != nil {
		return nil, err
	}
	repo, err := g.scanRepository(func(dest ...any) error {
		return g.db.Row(ctx, selectRepository+` WHERE account = $1 AND region = $2 AND name = $3`, sql.Args(ref.Account, ref.Region, ref.Name), dest...)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ref.notFound()
	}
	if err != nil {
		return nil, err
	}
	if repo.rules, err = g.rulesOf(ctx, ref.Account, ref.Region); err != nil {
		return nil, err
	}
	repo.resource.Registry, repo.resource.RegistryV1 = repo.rules.attached, repo.rules.scopeV1()
	g.who.Seal(&repo.resource)
	// The names in ref are parts of a request; what is kept must not hold the whole request in memory.
	g.repositories.Set(repo.Ref, cachedRepository{stamp, ofRules, repo})
	return repo, nil
}

func (r Ref) notFound() error {
	return fault.New(fault.RepositoryNotFound, "The repository with name '%s' does not exist in the registry with id '%s'", r.Name, r.Account)
}

// changed tells every node that the repository's row is another one.
func (g *Registry) changed(tx *sql.Tx, ref Ref) error {
	return tx.Changed(g.repository, ref.Name)
}

// record writes the audit record of a mutation in its transaction.
func (g *Registry) record(tx *sql.Tx, call *iam.Call) error {
	return call.Record(tx, g.log)
}

const selectRepository = `SELECT id, account, region, name, created_at, mutability, exclusions, scan_on_push, encryption, kms_key, policy, tags, tag_pattern FROM repository`

func (g *Registry) scanRepository(scan func(dest ...any) error) (*Repository, error) {
	var r Repository
	var created int64
	var exclusions, tags string
	var policyText *string
	if err := scan(&r.ID, &r.Account, &r.Region, &r.Name, &created, &r.Mutability.Mode, &exclusions, &r.ScanOnPush, &r.Encryption.Type, &r.Encryption.KMSKey, &policyText, &tags, &r.TagPattern); err != nil {
		return nil, err
	}
	r.CreatedAt = sql.Time(created)
	if err := errors.Join(json.Unmarshal([]byte(exclusions), &r.Mutability.Exclusions), json.Unmarshal([]byte(tags), &r.Tags)); err != nil {
		return nil, fmt.Errorf("repository %d: %w", r.ID, err)
	}
	r.resource = iam.Resource{ARN: r.ARN(), Account: r.Account, Tags: tagMap(r.Tags)}
	if policyText != nil {
		p, err := policy.Parse([]byte(*policyText))
		if err != nil {
			return nil, fmt.Errorf("repository %d: its policy: %w", r.ID, err)
		}
		r.policy = *policyText
		r.resource.Policy = &policy.Attached{Name: "repository policy", Policy: p}
	}
	return &r, nil
}

func tagMap(tags []Tag) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		m[t.Key] = t.Value
	}
	return m
}

func toJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // only of strings and numbers
	}
	return string(b)
}

// invalid is the fault of a parameter that breaks its constraint, in AWS's words (API-9).
func invalid(parameter, constraint string) error {
	return fault.New(fault.InvalidParameter, "Invalid parameter at '%s' failed to satisfy constraint: '%s'", parameter, strings.TrimSuffix(constraint, "."))
}
