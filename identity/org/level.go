package org

import "github.com/berth-registry/berth/storage/sql"

// attached reads and compiles what hangs on a root, unit or account: a level for each policy type that is enabled (ORG-27, ORG-28). It is called once for each
// node and account after the organization's epoch has moved.
func (o *Organizations) attached(tx *sql.Tx, organization, target string) (level, error) {
	return level{}, nil
}

// begin hangs on a new root, unit or account what every one has while the policy types are enabled (ORG-21).
func (o *Organizations) begin(tx *sql.Tx, organization, target string) error { return nil }

// end takes away what hangs on a unit that is deleted or an account that leaves: policies, tags, delegations.
func (o *Organizations) end(tx *sql.Tx, organization, target string) error { return nil }
