package iam

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/arn"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/sql"
)

// Grantee is somebody who can do something, and through what. It encodes as JSON.
type Grantee struct {
	// Type is "user", "role", "root", "service", or "account": a whole account, of which who asks does not see who there may.
	Type    string `json:"type"`
	ARN     string `json:"arn,omitempty"`
	Account string `json:"account,omitempty"`
	// Through is the statement that grants it; Statement -1 if none is needed, as for a root user.
	Through DecidedBy `json:"through"`
	// Conditions have to hold in the request: "if aws:SourceIp IpAddress "10.0.0.0/8"", "unless …". Without any, it can always.
	Conditions []string `json:"conditions,omitempty"`
}

// whoCanCursor is where a list of grantees goes on.
type whoCanCursor struct {
	Account string `json:"a,omitempty"` // the last one that is done, or that is being read if Kind is set
	Kind    string `json:"k,omitempty"`
	After   string `json:"n,omitempty"`
}

// The work for one page: who asks for few gets an answer soon though few can, and goes on where it stopped.
const (
	mostWhoCan  = 2000 // users and roles
	whoCanBatch = 250
)

// whoCan is one page in the making.
type whoCan struct {
	d        *Directory
	ctx      context.Context
	action   string
	resource *Resource
	region   string
	owner    string
	account  string // of who asks
	all      bool   // the operator asks
	maybe    maybe

	named    []namedPrincipal // by the policies of the resource
	everyone bool             // is named
	accounts []string         // that could be let in otherwise, in order: the owner's, and those of who is named

	found []Grantee
	read  int
}

// namedPrincipal is one whom a policy of the resource names.
type namedPrincipal struct {
	policy.PrincipalRef
	arn string // of who that is now: the policy may hold a unique id
}

// WhoCan lists who can do an action on a resource by the policies of now, through which statement, a page at a time: next is the cursor of the page after, "" at the
// end. A page may be short or empty and yet have a next one. The owner's account sees its own users and roles by name and other accounts as a whole; the installation's
// first account sees all. It needs berth:WhoCan in the asker's account. Faults: AccessDenied, also for a resource of another account; InvalidInput.
func (d *Directory) WhoCan(ctx context.Context, action, resource, after string, limit int) (list []Grantee, next string, err error) {
	account, all, err := d.asker(ctx, "berth:WhoCan", false)
	if err != nil {
		return nil, "", err
	}
	if action, err = oneAction(action); err != nil {
		return nil, "", err
	}
	w := &whoCan{d: d, ctx: ctx, action: action, account: account, all: all, maybe: maybe{map[*policy.Policy]*variants{}}}
	if w.resource, w.region, err = d.resourceOf(ctx, action, resource, account, From(ctx).Region); err != nil {
		return nil, "", err
	}
	if w.owner = w.resource.Account; w.owner == "" {
		w.owner, w.resource.Account = account, account
	}
	if !all && w.owner != account {
		return nil, "", From(ctx).Refuse("Only the account that owns a resource may ask who can use it.")
	}
	w.admit()
	var at whoCanCursor
	if after == "" {
		if err := w.services(); err != nil {
			return nil, "", err
		}
	} else if json.Unmarshal([]byte(after), &at) != nil {
		return nil, "", fault.New(fault.InvalidInput, "The token is not valid.")
	}
	for len(w.found) < limit && w.read < mostWhoCan {
		if at.Kind == "" {
			if at.Account, err = w.nextAccount(at.Account); err != nil || at.Account == "" {
				return w.found, "", err
			}
			at.Kind, at.After = KindUser.String(), ""
			named, err := w.whole(at.Account)
			if err != nil {
				return nil, "", err
			}
			if !named {
				at.Kind = ""
				w.read++
				continue
			}
		}
		if at, err = w.members(at); err != nil {
			return nil, "", err
		}
	}
	text, err := json.Marshal(at)
	return w.found, string(text), err
}

// nextAccount is the account after one that the resource could be open to; "" at the end. Without a resource-based policy for everyone these are the owner and those
// that policies name, so that ten thousand accounts need not be looked at.
func (w *whoCan) nextAccount(after string) (string, error) {
	if w.everyone {
		var id string
		err := w.d.db.Rows(w.ctx, `SELECT id FROM iam_account WHERE id > $1 ORDER BY id LIMIT 1`, sql.Args(after), func(row sql.Scanner) error { return row.Scan(&id) })
		return id, err
	}
	for _, id := range w.accounts {
		if id > after && w.d.accountExists(w.ctx, id) == nil {
			return id, nil
		}
	}
	return "", nil
}

// admit reads whom the policies of the resource name: each principal is looked up once, however many accounts the list goes through.
func (w *whoCan) admit() {
	w.accounts = []string{w.owner}
	for _, a := range []*policy.Attached{w.resource.Policy, w.resource.Registry} {
		if a == nil || a.Policy == nil {
			continue
		}
		for _, ref := range a.Policy.Principals() {
			p := namedPrincipal{ref, w.d.arnOf(w.ctx, ref.Value)}
			w.named = append(w.named, p)
			parsed, err := arn.Parse(p.arn)
			switch {
			case ref.Not || p.arn == "*":
				w.everyone = true
			case ref.Key != "AWS" && ref.Key != "*":
			case arn.IsAccount(p.arn):
				w.accounts = append(w.accounts, p.arn)
			case err == nil && arn.IsAccount(parsed.Account):
				w.accounts = append(w.accounts, parsed.Account)
			}
		}
	}
	slices.Sort(w.accounts)
	w.accounts = slices.Compact(w.accounts)
}

// whole adds what is told of an account as a whole. named says that its users and roles are told by name.
func (w *whoCan) whole(account string) (named bool, err error) {
	if w.all || account == w.account {
		return true, w.judge("root", rootOf(account))
	}
	// Somebody there who may do everything by the account's own policies: what they are, that account knows.
	everything := w.d.managed.byARN[awsPolicyARN+"/AdministratorAccess"]
	anybody := rootOf(account)
	anybody.principal.Type, anybody.principal.ARN, anybody.principal.ID = policy.User, arn.IAM(account, "user/*"), ""
	anybody.member.identity = []policy.Attached{{Name: everything.Name, ARN: everything.ARN, Policy: everything.compiled}}
	if err := w.judge("account", anybody); err != nil {
		return false, err
	}
	for _, ref := range w.named { // in person
		name, err := arn.Parse(ref.arn)
		kind, _, _ := strings.Cut(name.Resource, "/")
		if err != nil || ref.Not || name.Account != account || kind != "user" && kind != "role" {
			continue
		}
		p, err := w.d.principalOf(w.ctx, ref.arn)
		if fault.As(err) != nil {
			continue
		}
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(w.found, func(g Grantee) bool { return g.ARN == p.ARN }) {
			continue
		}
		if err := w.judge(kind, &listed{principal: p, member: anybody.member}); err != nil {
			return false, err
		}
	}
	return false, nil
}

// members reads the next users or roles of an account, and returns where to go on.
func (w *whoCan) members(at whoCanCursor) (whoCanCursor, error) {
	kind := KindUser
	if at.Kind == KindRole.String() {
		kind = KindRole
	}
	var batch []*listed
	err := w.d.db.View(w.ctx, func(tx *sql.Tx) error {
		var err error
		batch, err = w.d.readListed(tx, kind, at.Account, at.After, whoCanBatch)
		return err
	})
	if err != nil {
		return at, err
	}
	for _, l := range batch {
		if err := w.judge(kind.String(), l); err != nil {
			return at, err
		}
	}
	w.read += len(batch)
	switch {
	case len(batch) == whoCanBatch:
		at.After = batch[len(batch)-1].folded
	case kind == KindUser:
		at.Kind, at.After = KindRole.String(), ""
	default:
		at.Kind, at.After = "", ""
	}
	return at, nil
}

// services adds the services that the resource's policies name.
func (w *whoCan) services() error {
	for _, ref := range w.named {
		if ref.Key != "Service" || ref.Not || slices.ContainsFunc(w.found, func(g Grantee) bool { return g.ARN == ref.Value }) {
			continue
		}
		l := &listed{principal: &policy.Principal{Type: policy.Service, ARN: ref.Value, ServiceNames: []string{ref.Value}}}
		if err := w.judge("service", l); err != nil {
			return err
		}
	}
	return nil
}

// judge adds l if it can.
func (w *whoCan) judge(kind string, l *listed) error {
	c := &Call{Principal: l.principal, Time: w.d.options.Now(), Region: cmp.Or(w.region, "us-east-1"), Secure: true}
	k := conditionKeys{call: c, member: l.member, resource: w.resource}
	var err error
	if k.callers, k.owners, err = w.d.memberships(w.ctx, l.principal.Account, w.owner); err != nil {
		return err
	}
	c.gather(w.action, k)
	if kind != "root" && kind != "service" && !w.all && l.principal.Account != w.account {
		c.set.SCP = nil // which the asker does not see
	}
	d, conditions := w.maybe.can(&c.request, &c.set)
	if settled, ok := c.settled(w.action); ok {
		d, conditions = settled, nil
	}
	if !d.Allowed {
		return nil
	}
	g := Grantee{
		Type: kind, ARN: l.principal.ARN, Account: l.principal.Account, Through: DecidedBy{d.Layer, d.Policy, d.PolicyARN, d.Statement, d.Sid}, Conditions: conditions,
	}
	if kind == "account" {
		g.ARN = arn.IAM(l.principal.Account, "root")
	}
	w.found = append(w.found, g)
	return nil
}
