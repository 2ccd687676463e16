package registry

import (
	"errors"
	"fmt"
	"time"

	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/storage/sql"
)

// Protection is why an image stays that a rule of the lifecycle policy would not keep.
type Protection struct {
	// By is "index", "subject", "lock", "use", "grace" or "pulled"; "" is no protection.
	By string
	// Why says it in words: "it is in use: cluster-a reported it 5 min ago".
	Why string
}

// guard is what protects images of a repository beside the grammar of policies: berth's own, and nothing unless somebody set it.
type guard struct {
	at            time.Time
	grace, pulled time.Duration
	used, locked  bool // whether there is anything that could be
}

// guard reads what protects the images of the repository. What is reported as used now is taken to be used at the time given.
func (r *Repo) guard(tx *sql.Tx, at time.Time) (g guard, err error) {
	g.at = at
	var grace, pulled int64
	err = tx.Row(`SELECT COALESCE(MAX(grace), 0), COALESCE(MAX(pulled), 0),
		EXISTS (SELECT 1 FROM inventory WHERE account = $1 AND region = $2 AND expires_at > $3), EXISTS (SELECT 1 FROM image_lock WHERE repository_id = $4)
		FROM lifecycle_protection WHERE account = $1 AND region = $2`, sql.Args(r.Account, r.Region, sql.Micros(r.g.now()), r.ID), &grace, &pulled, &g.used, &g.locked)
	g.grace, g.pulled = time.Duration(grace)*time.Microsecond, time.Duration(pulled)*time.Microsecond
	return g, err
}

// protection is what keeps an image from being expired or archived, in this transaction. An image is protected by what protects anything that would go with it: the
// platforms of an index that run somewhere are as much in use as the index. The answer is the same before and after older images went, see mayGoWith: so a preview
// tells what the run will do (H86).
func (r *Repo) protection(tx *sql.Tx, g guard, i *agedImage) (Protection, error) {
	if i.subject != "" { // which has come since a rule was asked
		return ofSubject(i), nil
	}
	var parent oci.Digest
	switch err := tx.Row(`SELECT COALESCE(MIN(parent), '') FROM manifest_ref WHERE repository_id = $1 AND child = $2 AND kind = 'manifest'`, sql.Args(r.ID, i.digest), &parent); {
	case err != nil:
		return Protection{}, err
	case parent != "":
		return Protection{"index", "it is part of the index " + string(parent)}, nil // LC-21
	}
	return r.ownProtection(tx, g, i)
}

// ofSubject keeps what refers to an image that is there (LC-22).
func ofSubject(i *agedImage) Protection {
	return Protection{"subject", "it belongs to " + string(i.subject)}
}

// ownProtection is protection but for what indexes list.
func (r *Repo) ownProtection(tx *sql.Tx, g guard, i *agedImage) (Protection, error) {
	if g.grace == 0 && g.pulled == 0 && !g.used && !g.locked {
		return Protection{}, nil
	}
	all, err := r.mayGoWith(tx, i)
	if err != nil {
		return Protection{}, err
	}
	for _, d := range all {
		one := i
		if d != i.digest {
			if one, err = r.agedOne(tx, d, g.at); err != nil || one == nil {
				return Protection{}, err
			}
		}
		p, err := r.protectionOfOne(tx, g, one)
		if p.By != "" && one != i {
			p.Why = fmt.Sprintf("with it would go %s: %s", d, p.Why)
		}
		if p.By != "" || err != nil {
			return p, err
		}
	}
	return Protection{}, nil
}

func (r *Repo) protectionOfOne(tx *sql.Tx, g guard, i *agedImage) (Protection, error) {
	if age := g.at.Sub(i.Pushed); age < g.grace {
		return Protection{"grace", fmt.Sprintf("it was pushed %s ago, and the registry keeps what is younger than %s", roughly(age), roughly(g.grace))}, nil
	}
	if age := g.at.Sub(i.Pulled); !i.Pulled.IsZero() && age < g.pulled {
		return Protection{"pulled", fmt.Sprintf("it was pulled %s ago, and the registry keeps what was pulled within %s", roughly(age), roughly(g.pulled))}, nil
	}
	if g.locked {
		if lock, err := r.lockOf(tx, i.digest); lock != nil || err != nil {
			if err != nil {
				return Protection{}, err
			}
			return Protection{"lock", lock.String()}, nil
		}
	}
	if !g.used {
		return Protection{}, nil
	}
	return r.useOf(tx, i)
}

// roughly words a duration in its largest units: "3 days 4 h", "5 min".
func roughly(d time.Duration) string {
	d = max(d, 0)
	days, hours := int(d/(24*time.Hour)), int(d/time.Hour)%24
	switch {
	case days == 1 && hours == 0:
		return "1 day"
	case days > 0 && hours == 0:
		return fmt.Sprintf("%d days", days)
	case days == 1:
		return fmt.Sprintf("1 day %d h", hours)
	case days > 0:
		return fmt.Sprintf("%d days %d h", days, hours)
	case hours > 0:
		return fmt.Sprintf("%d h", hours)
	case d >= time.Minute:
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%d s", d/time.Second)
}

// keepers are the indexes that list an image, and the image that it refers to if that is there.
const keepers = `SELECT parent AS keeper FROM manifest_ref WHERE repository_id = $1 AND child = $2 AND kind = 'manifest'
	UNION SELECT s.digest FROM manifest m JOIN manifest s ON s.repository_id = $1 AND s.digest = m.subject WHERE m.repository_id = $1 AND m.digest = $2 AND m.subject <> ''`

// newerKeepers are those of the keepers that stay, and can be pulled, at least until an image of that time and digest is carried out: younger ones that belong to nothing
// themselves. An image that belongs to another goes when that does, whatever its own age. CROSS JOIN tells SQLite to begin with the few keepers: left to itself it reads
// every image that is newer.
const newerKeepers = `SELECT k.digest FROM (` + keepers + `) up CROSS JOIN manifest k WHERE k.repository_id = $1 AND k.digest = up.keeper
	AND NOT EXISTS (SELECT 1 FROM manifest s WHERE s.repository_id = $1 AND s.digest = k.subject) AND k.status <> 'ARCHIVED' AND (k.pushed_at, k.digest) > ($3, $4)
	AND NOT EXISTS (SELECT 1 FROM manifest_ref p WHERE p.repository_id = $1 AND p.child = k.digest AND p.kind = 'manifest')`

// goesWith are the image, its children that have no tags and what refers to any of these as its subject: as far as no index and no subject needs them but those that
// go too. docs/decisions/children-go-with-their-index.md says why.
func (r *Repo) goesWith(tx *sql.Tx, image oci.Digest) ([]oci.Digest, error) {
	return r.belongingTo(tx, image, keepers)
}

// mayGoWith is goesWith for an image that is one of many on their way out, oldest first: what it shares with older ones may be left to it when its turn comes.
func (r *Repo) mayGoWith(tx *sql.Tx, i *agedImage) ([]oci.Digest, error) {
	return r.belongingTo(tx, i.digest, newerKeepers, sql.Micros(i.Pushed), i.digest)
}

// belongingTo are the image, its children that have no tags, and what refers to any of these: but for what is kept by something that the query finds, unless that belongs
// to the image too.
func (r *Repo) belongingTo(tx *sql.Tx, image oci.Digest, keepers string, args ...any) (all []oci.Digest, err error) {
	in, refers := map[oci.Digest]bool{image: true}, map[oci.Digest]bool{}
	all = []oci.Digest{image}
	for at := 0; at < len(all); at++ {
		// What another image of these keeps is met again when that one is looked at.
		var some []oci.Digest
		err := tx.Rows(`SELECT m.digest, m.subject = $2, EXISTS (SELECT 1 FROM tag t WHERE t.repository_id = $1 AND t.digest = m.digest) FROM manifest m
			WHERE m.repository_id = $1 AND m.digest IN (SELECT child FROM manifest_ref WHERE repository_id = $1 AND parent = $2 AND kind = 'manifest'
				UNION SELECT digest FROM manifest WHERE repository_id = $1 AND subject = $2 AND subject <> '') ORDER BY m.digest`, sql.Args(r.ID, all[at]), func(row sql.Scanner) error {
			var d oci.Digest
			var referrer, tagged bool
			err := row.Scan(&d, &referrer, &tagged)
			refers[d] = refers[d] || referrer
			if !in[d] && (!tagged || refers[d]) {
				some = append(some, d)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, d := range some {
			kept, err := r.keptBy(tx, in, d, keepers, args...)
			if err != nil {
				return nil, err
			}
			if !kept {
				in[d] = true
				all = append(all, d)
			}
		}
	}
	return all, nil
}

// keptBy reports whether a query for what keeps d finds anything but what goes with it. The query's first parameters are the repository and d.
func (r *Repo) keptBy(tx *sql.Tx, going map[oci.Digest]bool, d oci.Digest, query string, args ...any) (kept bool, err error) {
	err = tx.Rows(query, append(sql.Args(r.ID, d), args...), func(row sql.Scanner) error {
		var keeper oci.Digest
		err := row.Scan(&keeper)
		kept = kept || !going[keeper]
		return err
	})
	return kept, err
}

// useOf says whether a workload uses the image, by its digest or by one of its tags, as somebody reported who still stands by it.
func (r *Repo) useOf(tx *sql.Tx, i *agedImage) (p Protection, err error) {
	now := r.g.now()
	for _, name := range append([]string{string(i.digest)}, i.Tags...) {
		var source string
		var reported int64
		err := tx.Row(`SELECT i.source, i.reported_at FROM inventory_image u JOIN inventory i ON i.id = u.inventory_id
			WHERE u.image = $1 AND u.repository IN ('', $2) AND i.account = $3 AND i.region = $4 AND i.expires_at > $5 ORDER BY i.source LIMIT 1`,
			sql.Args(name, r.Name, r.Account, r.Region, sql.Micros(now)), &source, &reported)
		if err == nil {
			return Protection{"use", fmt.Sprintf("it is in use: %s reported it %s ago", source, roughly(now.Sub(sql.Time(reported))))}, nil
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return Protection{}, err
		}
	}
	return Protection{}, nil
}
