package org_test

import (
	"fmt"

	"github.com/berth-registry/berth/storage/sql"
)

func (w *world) unit(parent, name string) string {
	w.Helper()
	id := fmt.Sprintf("ou-%s-%08d", w.f.Root[2:], len(name))
	w.ok(w.db.Write(w.Context(), func(tx *sql.Tx) error {
		var path string
		if err := tx.Row(`SELECT path FROM org_node WHERE id = $1`, sql.Args(parent), &path); err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO org_node (id, organization, parent, path, name, created) VALUES ($1,$2,$3,$4,$5,1)`, id, w.f.ID, parent, path+id+"/", name); err != nil {
			return err
		}
		return nil
	}))
	return id
}

func (w *world) enroll(account, parent string) {
	w.ok(w.db.Write(w.Context(), func(tx *sql.Tx) error {
		if _, err := tx.Exec(`INSERT INTO org_account (account, organization, parent, method, joined) VALUES ($1,$2,$3,'CREATED',1)`, account, w.f.ID, parent); err != nil {
			return err
		}
		return tx.Changed(w.db.Epoch("organization"), account)
	}))
}
