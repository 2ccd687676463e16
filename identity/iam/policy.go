package iam

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/arn"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/sql"
)

// ManagedPolicy is a managed policy, of an account or of AWS.
type ManagedPolicy struct {
	ID, ARN, Name, Path, Description string
	// Version is the default version, "v1".
	Version    string
	Attachable bool
	// Attachments and BoundaryUses count, in the caller's account, what it is attached to and whose boundary it is.
	Attachments, BoundaryUses int
	Created, Updated          time.Time
	Tags                      []Tag // not in lists
}

// awsAccount stands for AWS in the ARNs of its own policies.
const awsAccount = "aws"

func policyMissing(policyARN string) error {
	return fault.New(fault.NoSuchEntity, "Policy %s was not found.", policyARN)
}

// splitPolicyARN takes the ARN of a managed policy apart.
func splitPolicyARN(policyARN string) (account, path, name string, err error) {
	a, err := arn.Parse(policyARN)
	rest, ok := strings.CutPrefix(a.Resource, "policy/")
	if err != nil || !ok || a.Partition != "aws" || a.Service != "iam" || a.Region != "" {
		return "", "", "", fault.New(fault.InvalidInput, "ARN %s is not valid.", policyARN)
	}
	path, name = "/", rest
	if i := strings.LastIndexByte(rest, '/'); i >= 0 {
		path, name = "/"+rest[:i+1], rest[i+1:]
	}
	return a.Account, path, name, nil
}

// findPolicy finds a managed policy of account or of AWS by its ARN; InvalidInput, NoSuchEntity. Policies of other accounts are never found.
func (d *Directory) findPolicy(ctx context.Context, account, policyARN string) (*entity, error) {
	owner, path, name, err := splitPolicyARN(policyARN)
	if err != nil {
		return nil, err
	}
	if owner == awsAccount {
		p := d.managed.byARN[policyARN]
		if p == nil {
			return nil, policyMissing(policyARN)
		}
		return &entity{kind: KindPolicy, id: p.ID, account: awsAccount, name: p.Name, path: p.Path, created: p.Created}, nil
	}
	if owner != account {
		return nil, policyMissing(policyARN)
	}
	e, err := d.find(ctx, KindPolicy, account, name)
	if fault.Is(err, fault.NoSuchEntity) || err == nil && (e.path != path || e.name != name) {
		return nil, policyMissing(policyARN)
	}
	return e, err
}

// CreatePolicy makes a managed policy with its first version. Faults: EntityAlreadyExists, MalformedPolicyDocument, LimitExceeded, InvalidInput.
func (d *Directory) CreatePolicy(ctx context.Context, name, path, description, document string, tags []Tag) (*ManagedPolicy, error) {
	e, err := d.newEntity(ctx, KindPolicy, name, path, tags)
	if err != nil {
		return nil, err
	}
	if err := d.authorizeNew(ctx, "iam:CreatePolicy", "iam:TagPolicy", creation(e, "", tags)); err != nil {
		return nil, err
	}
	if err := checkManaged(document); err != nil {
		return nil, err
	}
	err = d.commit(ctx, e.account, func(tx *sql.Tx) error {
		if err := e.free(tx); err != nil {
			return err
		}
		now := sql.Micros(e.created)
		if _, err := tx.Exec(`INSERT INTO iam_policy (id, account, name, folded, path, description, current_version, last_version, created, updated)
			VALUES ($1, $2, $3, $4, $5, $6, 1, 1, $7, $8)`, e.id, e.account, e.name, fold(e.name), e.path, description, now, now); err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO iam_policy_version (policy, version, document, created) VALUES ($1, 1, $2, $3)`, e.id, document, now); err != nil {
			return err
		}
		return putTags(tx, e.id, tags)
	})
	if err != nil {
		return nil, err
	}
	return &ManagedPolicy{
		ID: e.id, ARN: e.arn(), Name: e.name, Path: e.path, Description: description, Version: "v1", Attachable: true, Created: e.created, Updated: e.created, Tags: tags,
	}, nil
}

// authorizeNew authorises the making of something: who makes it with tags must also be allowed to tag it.
func (d *Directory) authorizeNew(ctx context.Context, create, tag string, r *Resource) error {
	if len(r.RequestTags) > 0 {
		if err := d.Authorize(ctx, tag, r); err != nil {
			return err
		}
	}
	return d.Authorize(ctx, create, r)
}

func checkManaged(document string) error {
	if err := checkDocument(document, policy.Identity); err != nil {
		return err
	}
	if length(document) > mostPolicyLength {
		return fault.New(fault.LimitExceeded, "Cannot exceed quota for PolicySize: %d", mostPolicyLength)
	}
	return nil
}

// Policy returns a managed policy by its ARN.
func (d *Directory) Policy(ctx context.Context, policyARN string) (*ManagedPolicy, error) {
	e, err := d.reach(ctx, "iam:GetPolicy", Ref{KindPolicy, policyARN}, Resource{})
	if err != nil {
		return nil, err
	}
	return d.readPolicy(ctx, e)
}

func (d *Directory) readPolicy(ctx context.Context, e *entity) (*ManagedPolicy, error) {
	account, err := callerAccount(ctx)
	if err != nil {
		return nil, err
	}
	var p *ManagedPolicy
	err = d.db.View(ctx, func(tx *sql.Tx) error {
		if p, err = d.policyInList(tx, account, e); err != nil {
			return err
		}
		p.Tags, err = readTags(tx, e.id)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, policyMissing(e.arn())
	}
	return p, err
}

// policyInList reads what a policy shows of itself in lists of account; ErrNoRows for one that was deleted.
func (d *Directory) policyInList(tx *sql.Tx, account string, e *entity) (*ManagedPolicy, error) {
	p := &ManagedPolicy{ID: e.id, ARN: e.arn(), Name: e.name, Path: e.path, Attachable: true, Created: e.created}
	if aws := d.managed.byID[e.id]; aws != nil {
		*p = aws.ManagedPolicy
	} else {
		var version, updated int64
		if err := tx.Row(`SELECT description, current_version, updated FROM iam_policy WHERE id = $1`, sql.Args(e.id), &p.Description, &version, &updated); err != nil {
			return nil, err
		}
		p.Version, p.Updated = versionName(version), sql.Time(updated)
	}
	var err error
	p.Attachments, p.BoundaryUses, err = policyUses(tx, account, e.id)
	return p, err
}

// policyUses counts what in account a policy is attached to, and whose boundary it is.
func policyUses(tx *sql.Tx, account, id string) (attachments, boundaries int, err error) {
	if attachments, err = tx.Count(`SELECT COUNT(*) FROM iam_attachment WHERE policy = $1 AND account = $2`, id, account); err != nil {
		return 0, 0, err
	}
	boundaries, err = tx.Count(`SELECT (SELECT COUNT(*) FROM iam_user WHERE account = $1 AND boundary = $2) + (SELECT COUNT(*) FROM iam_role WHERE account = $3 AND boundary = $4)`,
		account, id, account, id)
	return attachments, boundaries, err
}

// PolicyFilter says which policies a list shows.
type PolicyFilter struct {
	AWS, Local   bool // whose policies
	OnlyAttached bool
	// Boundary keeps those that are somebody's boundary, Permissions those that are not only that; both false keeps all.
	Boundary, Permissions bool
	PathPrefix            string
}

// wants reports whether a list shows a policy with these uses.
func (f *PolicyFilter) wants(x *ManagedPolicy) bool {
	switch {
	case f.Boundary:
		return x.BoundaryUses > 0
	case f.OnlyAttached || f.Permissions:
		return x.Attachments > 0
	}
	return true
}

// mostScanned bounds how many policies one page looks at: a page of those that are used, among many that are not, ends before it is full (IAM-10 lets it).
const mostScanned = 1000

// Policies returns a page of the managed policies that the caller's account can use: first its own, in the order of list, then those of AWS, by ARN.
// A page may be shorter than it could be and yet have another behind it.
func (d *Directory) Policies(ctx context.Context, f PolicyFilter, p Page) ([]ManagedPolicy, string, error) {
	account, err := callerAccount(ctx)
	if err != nil {
		return nil, "", err
	}
	if err := d.Authorize(ctx, "iam:ListPolicies", &Resource{ARN: "*"}); err != nil {
		return nil, "", err
	}
	var out []ManagedPolicy
	next := ""
	err = d.db.View(ctx, func(tx *sql.Tx) error {
		after, ofAWS := strings.CutPrefix(p.After, awsPolicyCursor)
		if !ofAWS {
			after = ""
		}
		if f.Local && !ofAWS {
			if out, next, err = d.localPolicies(tx, account, f, p); err != nil || next != "" {
				return err
			}
		}
		if !f.AWS {
			return nil
		}
		for _, x := range d.managed.list {
			if ofAWS && x.ARN <= after || !strings.HasPrefix(x.Path, orRoot(f.PathPrefix)) {
				continue
			}
			shown := x.ManagedPolicy
			if shown.Attachments, shown.BoundaryUses, err = policyUses(tx, account, x.ID); err != nil {
				return err
			}
			if !f.wants(&shown) {
				continue
			}
			if len(out) == p.limit() {
				next = awsPolicyCursor + after
				return nil
			}
			out, after = append(out, shown), x.ARN
		}
		return nil
	})
	return out, next, err
}

// awsPolicyCursor begins the cursors of Policies among the policies of AWS; no name and no path begins with it.
const awsPolicyCursor = "aws:"

// localPolicies reads the account's own policies of a page.
func (d *Directory) localPolicies(tx *sql.Tx, account string, f PolicyFilter, p Page) (out []ManagedPolicy, next string, err error) {
	cursor := cursorOf(f.PathPrefix)
	for scanned := 0; ; {
		found, err := listTx(tx, KindPolicy, account, f.PathPrefix, p)
		if err != nil {
			return nil, "", err
		}
		more := len(found) > p.limit()
		found = found[:min(len(found), p.limit())]
		for i := range found {
			x, err := d.policyInList(tx, account, &found[i])
			if err != nil {
				return nil, "", err
			}
			scanned++
			p.After = cursor(&found[i])
			if f.wants(x) {
				out = append(out, *x)
			}
			last := i == len(found)-1 && !more
			if !last && (len(out) == p.limit() || scanned >= mostScanned) {
				return out, p.After, nil
			}
		}
		if !more {
			return out, "", nil
		}
	}
}

func orRoot(prefix string) string {
	if prefix == "" {
		return "/"
	}
	return prefix
}

// DeletePolicy deletes a managed policy that nothing uses and that has one version left. Faults: NoSuchEntity, DeleteConflict.
func (d *Directory) DeletePolicy(ctx context.Context, policyARN string) error {
	e, err := d.reachOwnPolicy(ctx, "iam:DeletePolicy", policyARN)
	if err != nil {
		return err
	}
	return d.commit(ctx, e.account, func(tx *sql.Tx) error {
		if err := e.stands(tx); err != nil {
			return err
		}
		attachments, boundaries, err := policyUses(tx, e.account, e.id)
		if err != nil {
			return err
		}
		if attachments+boundaries > 0 {
			return fault.New(fault.DeleteConflict, "Cannot delete a policy attached to entities.")
		}
		if n, err := tx.Count(`SELECT COUNT(*) FROM iam_policy_version WHERE policy = $1`, e.id); err != nil || n > 1 {
			return cmp.Or[error](err, fault.New(fault.DeleteConflict,
				"This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy."))
		}
		return tx.ExecAll(sql.Args(e.id), `DELETE FROM iam_policy_version WHERE policy = $1`, `DELETE FROM iam_tag WHERE owner = $1`, `DELETE FROM iam_policy WHERE id = $1`)
	})
}

// reachOwnPolicy is reach for changes, which AWS's own policies do not take.
func (d *Directory) reachOwnPolicy(ctx context.Context, action, policyARN string) (*entity, error) {
	e, err := d.reach(ctx, action, Ref{KindPolicy, policyARN}, Resource{})
	if err != nil {
		return nil, err
	}
	return e, d.changeable(e)
}

func versionName(n int64) string { return "v" + strconv.FormatInt(n, 10) }

// versionNumber reads "v3"; 0 is what no version has.
func versionNumber(name string) int64 {
	digits, ok := strings.CutPrefix(name, "v")
	n, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || n < 1 {
		return 0
	}
	return n
}
