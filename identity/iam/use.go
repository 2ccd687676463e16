package iam

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/berth-registry/berth/storage/sql"
)

// useOfAccessKey is when this node last noted a use of a long-term key.
type useOfAccessKey struct {
	noted atomic.Int64 // seconds since 1970
}

// lastUse is what GetAccessKeyLastUsed tells.
type lastUse struct {
	at              time.Time
	service, region string
}

// noteUseEvery keeps the noting off the path of pulls: a key that is used all the time is noted once a minute.
const noteUseEvery = 60 // seconds

// noteUse remembers that the key of c was used for action's service, to be written with the next batch.
func (d *Directory) noteUse(c *Call, action string) {
	if !strings.HasPrefix(c.AccessKeyID, longTermPrefix) {
		return
	}
	now := c.Time.Unix()
	u, ok := d.uses.GetIfPresent(c.AccessKeyID)
	if ok {
		before := u.noted.Load()
		if now-before < noteUseEvery || !u.noted.CompareAndSwap(before, now) {
			return
		}
	} else {
		u = &useOfAccessKey{}
		u.noted.Store(now)
		d.uses.Set(c.AccessKeyID, u)
	}
	service, _, _ := strings.Cut(action, ":")
	d.pending.Lock()
	defer d.pending.Unlock()
	d.pending.uses[c.AccessKeyID] = lastUse{at: c.Time, service: service, region: c.Region}
}

// flushUses writes the uses noted since the last time. What cannot be written is lost: it is a hint, and the key will be used again.
func (d *Directory) flushUses(ctx context.Context) {
	d.pending.Lock()
	uses := d.pending.uses
	none := len(uses) == 0 // asked under the lock: an empty map stays the one that others write to
	if !none {
		d.pending.uses = map[string]lastUse{}
	}
	d.pending.Unlock()
	if none {
		return
	}
	err := d.db.Write(ctx, func(tx *sql.Tx) error {
		for id, u := range uses {
			at := sql.Micros(u.at)
			if _, err := tx.Exec(`UPDATE iam_access_key SET used = $1, used_service = $2, used_region = $3 WHERE id = $4 AND used < $5`, at, u.service, u.region, id, at); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		slog.Warn("when access keys were last used could not be written", "keys", len(uses), "error", err)
	}
}
