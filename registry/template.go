package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/arn"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/sql"
)

// The scenarios in which a repository is made by a creation template (REP-20).
const (
	PullThroughCache = "PULL_THROUGH_CACHE"
	Replication      = "REPLICATION"
	CreateOnPush     = "CREATE_ON_PUSH"
)

// Root is the prefix of the creation template for all repositories that no other template is for (REP-21).
const Root = "ROOT"

// Template says how repositories are made that nobody makes by hand (REP-20).
type Template struct {
	// Prefix is that of the names that it is for, with or without a slash at its end, or Root.
	Prefix, Description string
	AppliedFor          []string
	Mutability          TagMutability
	Encryption          Encryption
	Tags                []Tag
	Policy, Lifecycle   string // texts; "" for none
	// Role is the ARN of the role that makes the repositories; "" is who causes them to be made. Tags and KMS encryption need one (REP-24).
	Role                 string
	CreatedAt, UpdatedAt time.Time
}

// key tells templates apart: the slash at the end of a prefix is implied (REP-21).
func (t *Template) key() string { return strings.TrimSuffix(t.Prefix, "/") }

// covers reports whether the template is for a repository's name, and the length of the path by which it is.
func (t *Template) covers(name string) (length int, ok bool) {
	path := t.key() + "/"
	if t.Prefix == Root {
		path = ""
	}
	return len(path), strings.HasPrefix(name, path)
}

// template is the one for a new repository in the scenario: that with the longest prefix (REP-21); nil without.
func (r *rules) template(name, scenario string) *Template {
	var best *Template
	longest := -1
	for i := range r.templates {
		t := &r.templates[i]
		if length, ok := t.covers(name); ok && length > longest && slices.Contains(t.AppliedFor, scenario) {
			best, longest = t, length
		}
	}
	return best
}

// CreateTemplate makes a creation template (REP-20, REP-25). Who lends a role with it must be allowed to pass it to ECR (iam:PassRole). The faults are AccessDenied,
// TemplateAlreadyExists, LimitExceeded, Validation for the role, and those of the operations that would set each part by hand.
func (g *Registry) CreateTemplate(ctx context.Context, account, region string, t Template) (*Template, error) {
	if err := g.mayLend(ctx, t.Role); err != nil {
		return nil, err
	}
	if err := g.authorize(ctx, "ecr:CreateRepositoryCreationTemplate", account, region, nil); err != nil {
		return nil, err
	}
	t.Mutability.Mode = cmp.Or(t.Mutability.Mode, Mutable)
	t.Encryption.Type = cmp.Or(t.Encryption.Type, "AES256")
	if err := g.checkTemplate(ctx, region, &t, ""); err != nil {
		return nil, err
	}
	t.CreatedAt = sql.Time(sql.Micros(g.now()))
	t.UpdatedAt = t.CreatedAt
	err := g.writeRules(ctx, account, func(tx *sql.Tx) error {
		have, err := readTemplates(tx, account, region)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(have, func(h Template) bool { return h.key() == t.key() }) {
			return fault.New(fault.TemplateAlreadyExists, "The Template with prefix '%s' already exists in the registry with id '%s'", t.Prefix, account)
		}
		if int64(len(have)) >= g.limits.Templates {
			return fault.New(fault.LimitExceeded, "The registry with id '%s' has %d creation templates, which is the limit", account, len(have))
		}
		if t.Role == "" {
			if err := g.who.EnsureServiceLinkedRole(tx, account, templateService); err != nil { // REP-24
				return err
			}
		}
		return writeTemplate(tx, account, region, &t)
	})
	return g.shown(ctx, t), err
}

// UpdateTemplate changes a creation template; repositories that it made stay as they are (REP-22, REP-26). The faults are those of CreateTemplate, and TemplateNotFound.
func (g *Registry) UpdateTemplate(ctx context.Context, account, region, prefix string, change func(*Template)) (*Template, error) {
	var wanted Template
	change(&wanted)
	if err := g.mayLend(ctx, wanted.Role); err != nil {
		return nil, err
	}
	if err := g.authorize(ctx, "ecr:UpdateRepositoryCreationTemplate", account, region, nil); err != nil {
		return nil, err
	}
	rules, err := g.rulesOf(ctx, account, region)
	if err != nil {
		return nil, err
	}
	before, ok := templateOf(rules.templates, prefix)
	if !ok {
		return nil, noTemplate(prefix, account)
	}
	t := before
	change(&t)
	if err := g.checkTemplate(ctx, region, &t, before.Policy); err != nil {
		return nil, err
	}
	t.UpdatedAt = sql.Time(sql.Micros(g.now()))
	err = g.writeRules(ctx, account, func(tx *sql.Tx) error {
		have, err := readTemplates(tx, account, region)
		if err != nil {
			return err
		}
		now, ok := templateOf(have, prefix)
		if !ok {
			return noTemplate(prefix, account)
		}
		if !now.UpdatedAt.Equal(before.UpdatedAt) { // what was checked is not what would be written
			return fault.New(fault.Unavailable, "The Template with prefix '%s' was changed meanwhile; try again", prefix)
		}
		return writeTemplate(tx, account, region, &t)
	})
	return g.shown(ctx, t), err
}

// DeleteTemplate removes a creation template. The faults are AccessDenied and TemplateNotFound (REP-25).
func (g *Registry) DeleteTemplate(ctx context.Context, account, region, prefix string) (*Template, error) {
	if err := g.authorize(ctx, "ecr:DeleteRepositoryCreationTemplate", account, region, nil); err != nil {
		return nil, err
	}
	var gone Template
	err := g.writeRules(ctx, account, func(tx *sql.Tx) error {
		have, err := readTemplates(tx, account, region)
		if err != nil {
			return err
		}
		var ok bool
		if gone, ok = templateOf(have, prefix); !ok {
			return noTemplate(prefix, account)
		}
		_, err = tx.Exec(`DELETE FROM creation_template WHERE account = $1 AND region = $2 AND prefix = $3`, account, region, gone.key())
		return err
	})
	return g.shown(ctx, gone), err
}

// Templates lists the creation templates of the account's registry in region by prefix. The fault is AccessDenied.
func (g *Registry) Templates(ctx context.Context, account, region string) ([]Template, error) {
	if err := g.authorize(ctx, "ecr:DescribeRepositoryCreationTemplates", account, region, nil); err != nil {
		return nil, err
	}
	rules, err := g.rulesOf(ctx, account, region)
	if err != nil {
		return nil, err
	}
	list := slices.Clone(rules.templates)
	for i := range list {
		list[i] = *g.shown(ctx, list[i])
	}
	return list, nil
}

// shown is a template with the ARNs of those whom its policy names.
func (g *Registry) shown(ctx context.Context, t Template) *Template {
	if t.Policy != "" {
		t.Policy = string(g.who.Render(ctx, []byte(t.Policy)))
	}
	return &t
}

func noTemplate(prefix, account string) error {
	return fault.New(fault.TemplateNotFound, "The Template with prefix '%s' does not exist in the registry with id '%s'", prefix, account)
}

func templateOf(list []Template, prefix string) (Template, bool) {
	at := slices.IndexFunc(list, func(t Template) bool { return t.key() == strings.TrimSuffix(prefix, "/") })
	if at < 0 {
		return Template{}, false
	}
	return list[at], true
}

// templateService is the service that makes repositories by templates.
const templateService = "ecr.amazonaws.com"

func (g *Registry) mayLend(ctx context.Context, role string) error {
	if role == "" {
		return nil
	}
	return g.who.PassRole(ctx, role, templateService)
}

// checkTemplate holds each part to the rules of the operation that sets it by hand (REP-25, H88), and gives the policy the unique ids of those it names, unless it
// is the one that is stored.
func (g *Registry) checkTemplate(ctx context.Context, region string, t *Template, stored string) error {
	slices.Sort(t.AppliedFor)
	if t.AppliedFor = slices.Compact(t.AppliedFor); len(t.AppliedFor) == 0 {
		return invalid("appliedFor", "must not be empty")
	}
	if err := t.Mutability.check(); err != nil {
		return err
	}
	if key := t.Encryption.KMSKey; key != "" && t.Encryption.Type != "AES256" {
		if a, err := arn.Parse(key); err != nil || a.Service != "kms" || a.Region != region || !strings.HasPrefix(a.Resource, "key/") {
			return fault.New(fault.Validation, "%s is not the ARN of a key in %s", key, region)
		}
	}
	if err := t.Encryption.check(); fault.Is(err, fault.EncryptionKeyUnusable) {
		return fault.New(fault.Validation, "%s", fault.As(err).Message)
	} else if err != nil {
		return err
	}
	tags, err := setTags(nil, t.Tags)
	if err != nil {
		return err
	}
	t.Tags = tags
	if t.Lifecycle != "" {
		if err := g.allowsLifecycle(t.Lifecycle); err != nil {
			return err
		}
	}
	if t.Policy != "" && t.Policy != stored {
		if t.Policy, _, err = g.readPolicy(ctx, t.Policy, policy.Repository); err != nil {
			return err
		}
	}
	return nil
}

func writeTemplate(tx *sql.Tx, account, region string, t *Template) error {
	_, err := tx.Exec(`INSERT INTO creation_template (account, region, prefix, written, description, encryption, kms_key, tags, mutability, exclusions, policy, lifecycle, applied_for, role, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
		ON CONFLICT (account, region, prefix) DO UPDATE SET description = excluded.description, encryption = excluded.encryption, kms_key = excluded.kms_key, tags = excluded.tags,
			mutability = excluded.mutability, exclusions = excluded.exclusions, policy = excluded.policy, lifecycle = excluded.lifecycle, applied_for = excluded.applied_for,
			role = excluded.role, updated_at = excluded.updated_at`,
		account, region, t.key(), t.Prefix, t.Description, t.Encryption.Type, t.Encryption.KMSKey, toJSON(t.Tags), t.Mutability.Mode, toJSON(t.Mutability.Exclusions),
		t.Policy, t.Lifecycle, toJSON(t.AppliedFor), t.Role, sql.Micros(t.CreatedAt), sql.Micros(t.UpdatedAt))
	return err
}

// readTemplates reads a registry's templates by prefix.
func readTemplates(tx *sql.Tx, account, region string) (list []Template, err error) {
	err = tx.Rows(`SELECT written, description, encryption, kms_key, tags, mutability, exclusions, policy, lifecycle, applied_for, role, created_at, updated_at
		FROM creation_template WHERE account = $1 AND region = $2 ORDER BY prefix`, sql.Args(account, region), func(row sql.Scanner) error {
		var t Template
		var tags, exclusions, scenarios string
		var created, updated int64
		if err := row.Scan(&t.Prefix, &t.Description, &t.Encryption.Type, &t.Encryption.KMSKey, &tags, &t.Mutability.Mode, &exclusions, &t.Policy, &t.Lifecycle, &scenarios,
			&t.Role, &created, &updated); err != nil {
			return err
		}
		t.CreatedAt, t.UpdatedAt = sql.Time(created), sql.Time(updated)
		if err := errors.Join(json.Unmarshal([]byte(tags), &t.Tags), json.Unmarshal([]byte(exclusions), &t.Mutability.Exclusions), json.Unmarshal([]byte(scenarios), &t.AppliedFor)); err != nil {
			return fmt.Errorf("creation template %s: %w", t.Prefix, err)
		}
		list = append(list, t)
		return nil
	})
	return list, err
}

// CreateFromTemplate makes the repository by the creation template for it in the scenario, whole, in one transaction: with its policy, lifecycle policy, mutability,
// tags and encryption (REP-20..24). The role that the template names makes it, and must be allowed to; without one who causes it must be allowed ecr:CreateRepository.
// One that another request makes at the same time is no fault. The faults are RepositoryNotFound without a template, AccessDenied, Validation, and LimitExceeded.
func (g *Registry) CreateFromTemplate(ctx context.Context, ref Ref, scenario string) error {
	rules, err := g.rulesOf(ctx, ref.Account, ref.Region)
	if err != nil {
		return err
	}
	t := rules.template(ref.Name, scenario)
	if t == nil {
		return ref.notFound()
	}
	maker := ctx
	if t.Role != "" {
		if maker, err = g.who.AsLentRole(ctx, templateService, t.Role, "ECRTemplate"); err != nil {
			return err
		}
	} else if len(t.Tags) > 0 {
		return fault.New(fault.Validation, "The Template with prefix '%s' sets resource tags: for these it must name a role (customRoleArn)", t.Prefix)
	}
	_, err = g.CreateRepository(maker, ref, NewRepository{Mutability: t.Mutability, Encryption: t.Encryption, Tags: t.Tags, policy: t.Policy, lifecycle: t.Lifecycle})
	if fault.Is(err, fault.RepositoryAlreadyExists) {
		return nil
	}
	if fault.As(err) != nil {
		iam.From(ctx).Audit = iam.From(maker).Audit
	}
	return err
}

// OpenToPush is Open for a request that begins a push: a repository that does not exist is made first, if a creation template for CREATE_ON_PUSH is for it (REP-23).
// Whoever may not push there makes nothing. Further faults are those of CreateFromTemplate.
func (g *Registry) OpenToPush(ctx context.Context, ref Ref, actions ...string) (*Repo, error) {
	return g.pushing(ctx, ref, func() (*Repo, error) { return g.Open(ctx, ref, actions...) })
}

// OpenImageToPush is OpenToPush for ecr:PutImage of an image (OpenImages).
func (g *Registry) OpenImageToPush(ctx context.Context, ref Ref, image Reference) (*Repo, error) {
	return g.pushing(ctx, ref, func() (*Repo, error) { return g.OpenImages(ctx, ref, "ecr:PutImage", image) })
}

func (g *Registry) pushing(ctx context.Context, ref Ref, open func() (*Repo, error)) (*Repo, error) {
	r, err := open()
	if !fault.Is(err, fault.RepositoryNotFound) {
		return r, err
	}
	if err := g.CreateFromTemplate(ctx, ref, CreateOnPush); err != nil {
		return nil, err
	}
	return open()
}
