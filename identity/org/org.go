package org

import (
	"context"
	"embed"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/audit"
	"github.com/berth-registry/berth/storage/sql"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Organizations holds every organization of the installation. It is safe for concurrent use.
//
// Methods that act for a caller take the Call of their context: each authorises itself, so a door has nothing to check.
type Organizations struct {
	db        *sql.DB
	log       *audit.Log
	directory *iam.Directory
	options   Options

	// epoch has two kinds of keys: an account, for where it is; an organization, for its policies and where they hang.
	epoch  *sql.Epoch
	places *otter.Cache[string, *place] // by account
	chains *otter.Cache[string, *chain] // by root or unit
	// compiled holds policies by text: what hangs in many places is compiled once.
	compiled *otter.Cache[string, *policy.Policy]
}

// Options are the settings of Organizations.
type Options struct {
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// The most that each cache keeps.
const (
	mostPlaces   = 50_000
	mostChains   = 10_000
	mostCompiled = 5_000
)

// Schema is the part of the database that is about organizations.
func Schema() sql.Part {
	return sql.Part{Name: "organizations", Steps: migrations, Bytewise: []string{
		"org_node.id", "org_account.account", "org_creation.id", "org_handshake.id", "org_policy.id", "org_attachment.target", "org_attachment.policy", "org_tag.name",
		"org_service_access.service", "org_delegation.account", "org_delegation.service",
	}}
}

// Open brings the tables of organizations in the identity database up to date, and has directory ask for the membership of accounts from now on. log receives
// the record of each change, in the change's own transaction.
func Open(ctx context.Context, db *sql.DB, log *audit.Log, directory *iam.Directory, o Options) (*Organizations, error) {
	if err := db.Bring(ctx, Schema()); err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	orgs := &Organizations{
		db: db, log: log, directory: directory, options: o, epoch: db.Epoch("organization"),
		places:   otter.Must(&otter.Options[string, *place]{MaximumSize: mostPlaces}),
		chains:   otter.Must(&otter.Options[string, *chain]{MaximumSize: mostChains}),
		compiled: otter.Must(&otter.Options[string, *policy.Policy]{MaximumSize: mostCompiled}),
	}
	directory.Govern(orgs.membership)
	return orgs, nil
}

// commit runs a mutation that is authorised: its changes and its audit record become durable together, and what caches hold of the accounts and organizations
// in changed is stale from then on. Transactions are as if alone, so the tree never has to be changed again because of another change (ORG-26).
func (o *Organizations) commit(ctx context.Context, f func(tx *sql.Tx) error, changed ...string) error {
	c := iam.From(ctx)
	return o.db.Write(ctx, func(tx *sql.Tx) error {
		if err := f(tx); err != nil {
			return err
		}
		for _, key := range changed {
			if err := tx.Changed(o.epoch, key); err != nil {
				return err
			}
		}
		return c.Record(tx, o.log)
	})
}

// there answers whether a query has a row.
func there(tx *sql.Tx, query string, args ...any) (bool, error) {
	n, err := tx.Count(query, args...)
	return n > 0, err
}
