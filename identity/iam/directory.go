package iam

import (
	"context"
	"embed"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/berth-registry/berth/identity/oidc"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/audit"
	"github.com/berth-registry/berth/storage/sql"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Directory holds accounts and their users, groups, roles, policies, keys and sessions, and decides what they may do. It is safe for concurrent use.
//
// Methods that act for a caller take the Call of their context: each authorises itself, so a door has nothing to check.
type Directory struct {
	db      *sql.DB
	log     *audit.Log
	options Options
	seals   *seals
	stretch *stretcher
	managed *awsManaged
	epoch   *sql.Epoch // key: account id
	// organization finds the membership of an account; nil without organizations.
	organization func(ctx context.Context, account string) (*Membership, error)
	// resources finds what policies hang on; nil without a registry.
	resources Resources

	credentials *otter.Cache[string, *credential]     // by access key id
	passwords   *otter.Cache[string, *claims]         // by registry password
	members     *otter.Cache[string, *member]         // by unique id, or account id for its root user
	compiled    *otter.Cache[string, *policy.Policy]  // by text: what many users share is compiled once
	standings   *otter.Cache[string, *standing]       // by account
	uses        *otter.Cache[string, *useOfAccessKey] // by access key id
	texts       *otter.Cache[*policy.Policy, *audit.Piece]

	pending struct {
		sync.Mutex
		uses map[string]lastUse
	}
	stop, done chan struct{}
	stopOnce   sync.Once
}

// Options are the settings of a Directory.
type Options struct {
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// TokenLifetime is how long a registry password works; 0 is 12 hours (API-31).
	TokenLifetime time.Duration
	// Tokens verifies the tokens of identity providers; nil is one without any file, that asks public providers only.
	Tokens *oidc.Verifier
}

// The most that each cache keeps. An entry of credentials or members is some kilobytes with its policies' share.
const (
	mostCredentials = 20_000
	mostPasswords   = 32 << 20 // bytes: a password of a session has up to 8 KiB, and what is read of it as much again
	mostMembers     = 20_000
	mostCompiled    = 5_000
)

// Schema is the part of the database that is about identity.
func Schema() sql.Part {
	return sql.Part{Name: "identity", Steps: migrations, Bytewise: []string{
		// What is under a path is a stretch of the index only where text is compared by its bytes.
		"iam_user.path", "iam_group.path", "iam_role.path", "iam_policy.path", "iam_instance_profile.path",
	}}
}

// Open brings the identity tables of db up to date. log receives the record of each change, in the change's own transaction.
func Open(ctx context.Context, db *sql.DB, log *audit.Log, o Options) (*Directory, error) {
	err := db.Bring(ctx, Schema())
	if err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.TokenLifetime == 0 {
		o.TokenLifetime = 12 * time.Hour
	}
	if o.Tokens == nil {
		if o.Tokens, err = oidc.New(oidc.Options{Now: o.Now}); err != nil {
			return nil, err
		}
	}
	d := &Directory{
		db: db, log: log, options: o, stretch: newStretcher(), epoch: db.Epoch("identity"),
		credentials: otter.Must(&otter.Options[string, *credential]{MaximumSize: mostCredentials}),
		passwords: otter.Must(&otter.Options[string, *claims]{
			MaximumWeight: mostPasswords, Weigher: func(password string, _ *claims) uint32 { return uint32(len(password)) + 1024 },
		}),
		members:   otter.Must(&otter.Options[string, *member]{MaximumSize: mostMembers}),
		compiled:  otter.Must(&otter.Options[string, *policy.Policy]{MaximumSize: mostCompiled}),
		standings: otter.Must(&otter.Options[string, *standing]{MaximumSize: mostMembers}),
		uses:      otter.Must(&otter.Options[string, *useOfAccessKey]{MaximumSize: mostCredentials}),
		texts:     otter.Must(&otter.Options[*policy.Policy, *audit.Piece]{MaximumSize: mostCompiled}),
		stop:      make(chan struct{}), done: make(chan struct{}),
	}
	d.pending.uses = map[string]lastUse{}
	if d.seals, err = openSeals(ctx, db, o.Now()); err != nil {
		return nil, err
	}
	if d.managed, err = loadManaged(); err != nil {
		return nil, err
	}
	go d.run()
	return d, nil
}

// Close writes when access keys were last used and ends. The database must still be open.
func (d *Directory) Close() {
	d.stopOnce.Do(func() { close(d.stop) })
	<-d.done
}

const flushUsesEvery = time.Second

func (d *Directory) run() {
	defer close(d.done)
	flush := time.NewTicker(flushUsesEvery)
	defer flush.Stop()
	ctx := context.Background()
	for {
		select {
		case <-flush.C:
			d.flushUses(ctx)
		case <-d.stop:
			d.flushUses(ctx)
			return
		}
	}
}

// compile parses a stored policy, or finds that it was parsed before.
func (d *Directory) compile(document string) (*policy.Policy, error) {
	if p, ok := d.compiled.GetIfPresent(document); ok {
		return p, nil
	}
	p, err := policy.Parse([]byte(document))
	if err != nil {
		return nil, err // a stored policy that cannot be read may hold a Deny: nobody passes it
	}
	d.compiled.Set(document, p)
	return p, nil
}
