package registry

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/arn"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/storage/sql"
)

const (
	// inventoryMost is how many references one report may have: it is written in one transaction.
	inventoryMost = 10_000
	// inventoriesMost is how many sources an account may report for.
	inventoriesMost = 1000
	// inventoryLongest is for how long a report may count. Who reports regularly does not need more, and one that is forgotten must not hold images for ever.
	inventoryLongest = 90 * 24 * time.Hour
	// inventoryShown is for how long a report that expired is listed as that.
	inventoryShown = 7 * 24 * time.Hour
)

var sourceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$`)

// Inventory is a report of what workloads use.
type Inventory struct {
	Source     string
	Region     string
	ReportedBy string // ARN
	ReportedAt time.Time
	ExpiresAt  time.Time
	Images     int // tags and digests of the account in the region that it protects: a tag comes with the digest that it named
	Expired    bool
}

// Report is what a source, a cluster say, tells of its workloads.
type Report struct {
	Source     string
	Keep       time.Duration // for how long it counts
	References []string      // to the images that they use, as runtimes write them
	// AllowEmpty takes a report in which nothing is of this account, which is else taken for a mistake: what only the report before it protected is protected no more.
	AllowEmpty bool
}

// PutInventory takes a report on which images workloads use, in place of the one before from the same source. Until it expires, no lifecycle policy of the caller's account
// touches these images, and nobody archives them. A reference by tag protects the image that the tag names now, and the one that it names when a policy runs. It answers
// how many of the references are to images of this account; others are of no concern. It needs berth:PutInventory. The faults are AccessDenied, InvalidParameter and
// LimitExceeded.
func (g *Registry) PutInventory(ctx context.Context, report Report) (taken int, expires time.Time, err error) {
	call := iam.From(ctx)
	account := call.Home()
	if err := g.who.Authorize(ctx, "berth:PutInventory", &iam.Resource{ARN: "*", Account: account}); err != nil {
		return 0, expires, err
	}
	switch {
	case !sourceName.MatchString(report.Source):
		return 0, expires, fault.New(fault.InvalidParameter, "The name of a source has 1 to 128 letters, digits and ._/-, and begins with a letter or a digit")
	case report.Keep < time.Minute || report.Keep > inventoryLongest:
		return 0, expires, fault.New(fault.InvalidParameter, "A report counts for a minute to %d days", inventoryLongest/(24*time.Hour))
	case len(report.References) > inventoryMost:
		return 0, expires, fault.New(fault.InvalidParameter, "A report has at most %d references; this one has %d", inventoryMost, len(report.References))
	}
	uses := map[string][]use{}
	for _, reference := range report.References {
		if u, region, ok := readUse(reference, account, call.Region); ok && !slices.Contains(uses[region], u) {
			uses[region] = append(uses[region], u)
		}
	}
	now := g.now()
	expires = now.Add(report.Keep)
	err = g.db.Write(ctx, func(tx *sql.Tx) error {
		if taken, err = countOwn(tx, uses, account); err != nil {
			return err
		}
		if taken == 0 && !report.AllowEmpty {
			return fault.New(fault.InvalidParameter, "Of %d references none is to an image of the account %s, of which the caller %s is; what was reported before stands. "+
				"Check that this is the account that owns the images, and that the references are to this registry. If nothing is in use any more, say so with allowEmpty",
				len(report.References), account, call.Principal.ARN)
		}
		if _, err := tx.Exec(`DELETE FROM inventory WHERE account = $1 AND source = $2`, account, report.Source); err != nil {
			return err
		}
		var sources int
		if err := tx.Row(`SELECT count(DISTINCT source) FROM inventory WHERE account = $1`, sql.Args(account), &sources); err != nil {
			return err
		}
		if sources >= inventoriesMost {
			return fault.New(fault.LimitExceeded, "The account has reports of %d sources, which is the limit", sources)
		}
		written := uses
		if len(uses) == 0 { // also that nothing is in use is a report
			written = map[string][]use{call.Region: nil}
		}
		for region, list := range written {
			id, err := tx.InsertNew(now, func(id int64) (int64, error) {
				return tx.Exec(`INSERT INTO inventory (id, account, region, source, reported_by, reported_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING`,
					id, account, region, report.Source, call.Principal.ARN, sql.Micros(now), sql.Micros(expires))
			})
			if err != nil {
				return err
			}
			for _, u := range list {
				if err := u.write(tx, id, account, region); err != nil {
					return err
				}
			}
		}
		return g.record(tx, call)
	})
	return taken, expires, err
}

// countOwn counts the uses, by region, that are of images of the account. One that is known by its digest alone protects whatever has that digest, and counts if the account
// has it: most that runtimes tell so are of other registries.
func countOwn(tx *sql.Tx, uses map[string][]use, account string) (own int, err error) {
	for region, list := range uses {
		for _, u := range list {
			is := u.repository != ""
			if !is {
				// CROSS JOIN tells SQLite to begin with the digest: left to itself it asks every repository of the account for it.
				if err := tx.Row(`SELECT EXISTS (SELECT 1 FROM manifest m CROSS JOIN repository r WHERE r.id = m.repository_id AND m.digest = $1 AND r.account = $2 AND r.region = $3)`,
					sql.Args(u.image, account, region), &is); err != nil {
					return 0, err
				}
			}
			if is {
				own++
			}
		}
	}
	return own, nil
}

// use is an image that is in use. An empty repository is any: some runtimes tell the digest alone, or under a name that is not the registry's own.
type use struct{ repository, image string }

// readUse reads a reference as runtimes write it: HOST/PATH:TAG, HOST/PATH@DIGEST, both, a digest alone, with docker-pullable:// before it. It is not ok for one that
// cannot be to an image of the account.
func readUse(reference, account, region string) (u use, where string, ok bool) {
	if _, rest, found := strings.Cut(reference, "://"); found {
		reference = rest
	}
	if d, err := oci.ParseDigest(reference); err == nil {
		return use{image: string(d)}, region, true
	}
	name, digest, _ := strings.Cut(reference, "@")
	host, path, found := strings.Cut(name, "/")
	if !found {
		return use{}, "", false
	}
	tag := "latest"
	if i := strings.LastIndexByte(path, ':'); i >= 0 {
		path, tag = path[:i], path[i+1:]
	}
	if digest != "" {
		d, err := oci.ParseDigest(digest)
		if err != nil {
			return use{}, "", false
		}
		tag = string(d)
	} else if oci.CheckTag(tag) != nil {
		return use{}, "", false
	}
	owner, at, repository := "", "", ""
	if labels := strings.Split(host, "."); len(labels) > 3 && labels[1] == "dkr" { // 111122223333.dkr.ecr.us-east-1.amazonaws.com
		owner, at, repository = labels[0], labels[3], path
	} else if len(labels) > 2 && strings.HasPrefix(labels[1], "dkr-ecr") {
		owner, at, repository = labels[0], labels[2], path
	} else if parts := strings.SplitN(path, "/", 3); len(parts) == 3 && arn.IsAccount(parts[0]) { // HOST/111122223333/us-east-1/app
		owner, at, repository = parts[0], parts[1], parts[2]
	}
	switch {
	case owner == account && oci.CheckRepository(repository) == nil:
		return use{repository, tag}, at, true
	case owner == "" && digest != "": // a name for this registry that only the runtime knows
		return use{image: tag}, region, true
	}
	return use{}, "", false
}

// write keeps a use; of a tag also which image it names now: the workload runs that, whatever the tag will name.
func (u use) write(tx *sql.Tx, inventory int64, account, region string) error {
	put := func(image string) error {
		_, err := tx.Exec(`INSERT INTO inventory_image (inventory_id, repository, image) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, inventory, u.repository, image)
		return err
	}
	if err := put(u.image); err != nil || u.repository == "" || strings.Contains(u.image, ":") {
		return err
	}
	var digest string
	err := tx.Row(`SELECT t.digest FROM tag t JOIN repository r ON r.id = t.repository_id WHERE r.account = $1 AND r.region = $2 AND r.name = $3 AND t.name = $4`,
		sql.Args(account, region, u.repository, u.image), &digest)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return put(digest)
}

// Inventories lists the reports of the caller's account, those that expired within a week among them, by their sources, limit at a time, after the source that the page
// before ended with. It needs berth:ListInventories.
func (g *Registry) Inventories(ctx context.Context, after string, limit int) (list []Inventory, next string, err error) {
	account := iam.From(ctx).Home()
	if err := g.who.Authorize(ctx, "berth:ListInventories", &iam.Resource{ARN: "*", Account: account}); err != nil {
		return nil, "", err
	}
	source, region, _ := strings.Cut(after, " ")
	now := g.now()
	err = g.db.Rows(ctx, `SELECT source, region, reported_by, reported_at, expires_at, (SELECT count(*) FROM inventory_image u WHERE u.inventory_id = i.id) FROM inventory i
		WHERE account = $1 AND (source, region) > ($2, $3) AND expires_at > $4 ORDER BY source, region LIMIT $5`,
		sql.Args(account, source, region, sql.Micros(now.Add(-inventoryShown)), limit+1), func(row sql.Scanner) error {
			var i Inventory
			var reported, expires int64
			err := row.Scan(&i.Source, &i.Region, &i.ReportedBy, &reported, &expires, &i.Images)
			i.ReportedAt, i.ExpiresAt = sql.Time(reported), sql.Time(expires)
			i.Expired = !i.ExpiresAt.After(now)
			list = append(list, i)
			return err
		})
	if err != nil {
		return nil, "", err
	}
	if len(list) > limit {
		list = list[:limit]
		next = list[limit-1].Source + " " + list[limit-1].Region
	}
	return list, next, nil
}

// DeleteInventory forgets the report of a source: what only it protected is protected no more. It needs berth:DeleteInventory. The faults are AccessDenied and
// NoSuchEntity.
func (g *Registry) DeleteInventory(ctx context.Context, source string) error {
	call := iam.From(ctx)
	if err := g.who.Authorize(ctx, "berth:DeleteInventory", &iam.Resource{ARN: "*", Account: call.Home()}); err != nil {
		return err
	}
	return g.db.Write(ctx, func(tx *sql.Tx) error {
		n, err := tx.Exec(`DELETE FROM inventory WHERE account = $1 AND source = $2`, call.Home(), source)
		if err == nil && n == 0 {
			err = fault.New(fault.NoSuchEntity, "There is no report of a source named %q", source)
		}
		if err != nil {
			return err
		}
		return g.record(tx, call)
	})
}

// ExpiredInventory is a report that protects nothing any more, since nothing newer came from its source.
type ExpiredInventory struct {
	Account string
	Inventory
}

// ExpireInventories answers the reports that have expired since it was called last, whichever node called it, and removes those that expired a week ago: until then they are
// listed, so that whoever relies on them can see that they end.
func (g *Registry) ExpireInventories(ctx context.Context) (expired []ExpiredInventory, err error) {
	now := g.now()
	err = g.db.Write(ctx, func(tx *sql.Tx) error {
		expired = nil
		err := tx.Rows(`UPDATE inventory SET expiry_told = TRUE WHERE expires_at <= $1 AND NOT expiry_told RETURNING account, source, region, reported_by, reported_at, expires_at`,
			sql.Args(sql.Micros(now)), func(row sql.Scanner) error {
				i := ExpiredInventory{Inventory: Inventory{Expired: true}}
				var reported, expires int64
				err := row.Scan(&i.Account, &i.Source, &i.Region, &i.ReportedBy, &reported, &expires)
				i.ReportedAt, i.ExpiresAt = sql.Time(reported), sql.Time(expires)
				expired = append(expired, i)
				return err
			})
		if err != nil {
			return err
		}
		_, err = tx.Exec(`DELETE FROM inventory WHERE expires_at <= $1`, sql.Micros(now.Add(-inventoryShown)))
		return err
	})
	return expired, err
}

// LifecycleProtection is what the lifecycle policies of an account in a region never touch, beside their grammar. Zero is no protection.
type LifecycleProtection struct {
	Grace  time.Duration // what was pushed so recently
	Pulled time.Duration // what was pulled so recently
}

// PutLifecycleProtection sets the protection of the caller's registry in the region of the call; of what is nil, nothing is changed. It answers what holds then. It needs
// berth:PutLifecycleProtection. The faults are AccessDenied and InvalidParameter.
func (g *Registry) PutLifecycleProtection(ctx context.Context, grace, pulled *time.Duration) (p LifecycleProtection, err error) {
	call := iam.From(ctx)
	if err := g.who.Authorize(ctx, "berth:PutLifecycleProtection", &iam.Resource{ARN: "*", Account: call.Home()}); err != nil {
		return p, err
	}
	const most = 10 * 366 * 24 * time.Hour
	var micros [2]int64
	for i, d := range []*time.Duration{grace, pulled} {
		if d == nil {
			continue
		}
		if *d < 0 || *d > most {
			return p, fault.New(fault.InvalidParameter, "A protection lasts from nothing to ten years")
		}
		micros[i] = d.Microseconds()
	}
	err = g.db.Write(ctx, func(tx *sql.Tx) error {
		if err := tx.Row(`INSERT INTO lifecycle_protection (account, region, grace, pulled) VALUES ($1, $2, $3, $4)
			ON CONFLICT (account, region) DO UPDATE SET grace = CASE WHEN $5 THEN excluded.grace ELSE lifecycle_protection.grace END,
				pulled = CASE WHEN $6 THEN excluded.pulled ELSE lifecycle_protection.pulled END RETURNING grace, pulled`,
			sql.Args(call.Home(), call.Region, micros[0], micros[1], grace != nil, pulled != nil), &micros[0], &micros[1]); err != nil {
			return err
		}
		return g.record(tx, call)
	})
	return LifecycleProtection{time.Duration(micros[0]) * time.Microsecond, time.Duration(micros[1]) * time.Microsecond}, err
}

// LifecycleProtection reads the protection of the caller's registry in the region of the call. It needs berth:GetLifecycleProtection. The fault is AccessDenied.
func (g *Registry) LifecycleProtection(ctx context.Context) (p LifecycleProtection, err error) {
	call := iam.From(ctx)
	if err := g.who.Authorize(ctx, "berth:GetLifecycleProtection", &iam.Resource{ARN: "*", Account: call.Home()}); err != nil {
		return p, err
	}
	var grace, pulled int64
	err = g.db.Row(ctx, `SELECT COALESCE(MAX(grace), 0), COALESCE(MAX(pulled), 0) FROM lifecycle_protection WHERE account = $1 AND region = $2`, sql.Args(call.Home(), call.Region), &grace, &pulled)
	return LifecycleProtection{time.Duration(grace) * time.Microsecond, time.Duration(pulled) * time.Microsecond}, err
}
