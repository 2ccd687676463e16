package registry

import (
	"time"

	"github.com/berth-registry/berth/storage/sql"
)

// TakeLifecycleTurn is what a node leaves that dies right after it has taken its turn.
func TakeLifecycleTurn(now time.Time) func(tx *sql.Tx) error {
	return func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE lifecycle SET due_at = $1, turn = turn + 1`, sql.Micros(now.Add(lifecycleLease)))
		return err
	}
}
