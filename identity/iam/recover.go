package iam

import (
	"context"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/arn"
	"github.com/berth-registry/berth/storage/audit"
	"github.com/berth-registry/berth/storage/sql"
)

// RecoverRoot gives the root user of an account a new access key in place of all that it had: for when they are lost, or somebody else has them. The others are
// unknown at the next request, with their sessions and registry passwords (H69, H70). It asks nobody: who can write to the database needs no permission. The audit
// says that it happened. Faults: NoSuchEntity.
func (d *Directory) RecoverRoot(ctx context.Context, account string) (*AccessKey, error) {
	now := d.options.Now()
	var request [36]byte
	audit.PutRequestID(&request, now)
	record := audit.Record{
		Time: now, RequestID: string(request[:]), Action: "berth:RecoverRoot", Resource: arn.IAM(account, "root"), Owner: account, Decision: "Allow",
		Rule: "whoever has the database needs no permission",
	}
	var key *AccessKey
	err := d.db.Write(ctx, func(tx *sql.Tx) error {
		there, err := tx.Count(`SELECT COUNT(*) FROM iam_account WHERE id = $1`, account)
		if err != nil {
			return err
		}
		if there == 0 {
			return fault.New(fault.NoSuchEntity, "There is no account %s.", account)
		}
		if _, err := tx.Exec(`DELETE FROM iam_access_key WHERE owner = $1`, account); err != nil {
			return err
		}
		if key, err = d.insertAccessKey(tx, account, account, now); err != nil {
			return err
		}
		if err := d.log.Write(tx, &record); err != nil {
			return err
		}
		return tx.Changed(d.epoch, account)
	})
	if err != nil {
		return nil, err
	}
	return key, nil
}
