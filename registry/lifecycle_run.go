package registry

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/lifecycle"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/audit"
	"github.com/berth-registry/berth/storage/sql"
)

const (
	// lifecycleLease is for how long a node has a repository for itself without a sign of life: then it is taken to be dead.
	lifecycleLease = 5 * time.Minute
	// renewEvery is after how many images an evaluation gives a sign of life.
	renewEvery = 50 * evaluateAtOnce
	// doomedMost is how many images one run acts upon at the most, the oldest; if there are more, another run follows at once.
	doomedMost = 50_000
	// recountAfter is when a run follows one whose counts did not hold: not at once, for what disturbed it may be going on.
	recountAfter = time.Minute
	// expireTogether is how many images go in one transaction, so that it holds up nobody for long.
	expireTogether = 20
)

// service is who carries out lifecycle policies, as audit records name it (LC-23).
const service = "ecr.amazonaws.com"

// LifecycleRun is what a run of a lifecycle policy did.
type LifecycleRun struct {
	Ref
	// Expired and Archived count the images that rules chose, without what went with them.
	Expired, Archived int
	// Kept counts the images that rules chose and that stay: something protects them, or they are not what they were when they were chosen (H87).
	Kept int
	// Ended says that the policy was replaced or removed while the run was at work, or another node has taken over: it did nothing from then on.
	Ended bool
	// Disturbed says that images went or lost tags while the run was at work, and that it left the rest of those that it chose by counting to the run that follows
	// a minute later.
	Disturbed bool
}

// errTurnOver ends a run whose policy was changed or removed, or whose repository another node has taken over.
var errTurnOver = errors.New("the lifecycle policy is another one now")

// RunLifecycle runs the lifecycle policy of a repository whose time has come, and answers what it did; nil if there is none. Several nodes may call it at once:
// each takes another repository. A run that a crash ended is done again by the next to come. The run acts as the service, whom the owner of the policy has told what
// to do.
func (g *Registry) RunLifecycle(ctx context.Context) (*LifecycleRun, error) {
	run, err := g.beginLifecycle(ctx)
	if run == nil || err != nil {
		return nil, err
	}
	if err := run.choose(ctx); err != nil {
		return run.end(err)
	}
	return run.end(run.carryOut(ctx))
}

// beginLifecycle takes a repository whose policy is due; nil if there is none.
func (g *Registry) beginLifecycle(ctx context.Context) (*lifecycleRun, error) {
	id, turn, text, err := g.takeTurn(ctx, `SELECT l.repository_id FROM lifecycle l JOIN repository r ON r.id = l.repository_id WHERE l.due_at <= $1 AND r.account <> '' ORDER BY l.due_at LIMIT 1`, "lifecycle")
	if id == 0 || err != nil {
		return nil, err
	}
	p, err := lifecycle.Parse([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("lifecycle policy of repository %d: %w", id, err)
	}
	r, err := g.openAs(ctx, id, "ecr:PolicyExecutionEvent")
	if r == nil || err != nil {
		return nil, err
	}
	r.counted = true
	counts := slices.ContainsFunc(p.Rules, func(rule lifecycle.Rule) bool { return rule.Count == lifecycle.MoreThan })
	return &lifecycleRun{Repo: r, policy: p, turn: turn, began: r.call.Time, most: doomedMost, counts: counts, LifecycleRun: LifecycleRun{Ref: r.Ref}}, nil
}

// takeTurn takes what is due in a table, so that no other node does until the lease is over. A node that has nothing to do only reads.
func (g *Registry) takeTurn(ctx context.Context, due, table string) (id, turn int64, text string, err error) {
	now := g.now()
	if err := g.db.Row(ctx, due, sql.Args(sql.Micros(now)), &id); errors.Is(err, sql.ErrNoRows) {
		return 0, 0, "", nil
	} else if err != nil {
		return 0, 0, "", err
	}
	err = g.db.Write(ctx, func(tx *sql.Tx) error {
		return tx.Row(`UPDATE `+table+` SET due_at = $1, turn = turn + 1 WHERE repository_id = $2 AND due_at <= $3 RETURNING turn, text`,
			sql.Args(sql.Micros(now.Add(lifecycleLease)), id, sql.Micros(now)), &turn, &text)
	})
	if errors.Is(err, sql.ErrNoRows) { // another node was faster
		return 0, 0, "", nil
	}
	return id, turn, text, err
}

// openAs is a repository for the service itself; nil if it is gone.
func (g *Registry) openAs(ctx context.Context, id int64, action string) (*Repo, error) {
	repo, err := g.scanRepository(func(dest ...any) error {
		return g.db.Row(ctx, selectRepository+` WHERE id = $1 AND account <> ''`, sql.Args(id), dest...)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	now := g.now()
	var request [36]byte
	audit.PutRequestID(&request, now)
	call := &iam.Call{Principal: &policy.Principal{Type: policy.Service, ARN: service}, RequestID: string(request[:]), Time: now, Region: repo.Region}
	call.Audit = audit.Record{Time: now, RequestID: call.RequestID, Principal: service, Action: action, Region: repo.Region, Resource: repo.ARN(), Owner: repo.Account, Decision: "Allow"}
	return &Repo{Repository: repo, g: g, call: call}, nil
}

// lifecycleRun is a run at work.
type lifecycleRun struct {
	*Repo
	LifecycleRun
	policy *lifecycle.Policy
	turn   int64
	began  time.Time
	// doomed is a ring of the oldest images that are to go, most of them at the most; next is the place of the next one.
	doomed []doomed
	most   int
	next   int
	more   bool // than there is room for
	counts bool // images, for one of its rules: see disturb
}

// doomed is an image that a rule has chosen, small enough for very many of them.
type doomed struct {
	digest [32]byte
	state  uint64 // of what the decision was made of
	rule   int32  // its place in the policy
}

// choose evaluates the policy.
func (run *lifecycleRun) choose(ctx context.Context) error {
	rules := map[*lifecycle.Rule]int32{}
	for i := range run.policy.Rules {
		rules[&run.policy.Rules[i]] = int32(i)
	}
	if run.counts {
		err := run.g.db.Write(ctx, func(tx *sql.Tx) error {
			_, err := tx.Exec(`INSERT INTO lifecycle_count (repository_id, disturbed) VALUES ($1, FALSE) ON CONFLICT (repository_id) DO UPDATE SET disturbed = FALSE`, run.ID)
			return err
		})
		if err != nil {
			return err
		}
	}
	seen := 0
	return run.evaluate(ctx, run.policy, run.began, func(some []ruled) error {
		for i := range some {
			s := &some[i]
			if s.Action != lifecycle.Keep && s.kept.By != "" {
				run.Kept++
			}
			if !s.goes() {
				continue
			}
			d := doomed{state: stateOf(&s.agedImage, s.Rule), rule: rules[s.Rule]}
			if _, err := hex.Decode(d.digest[:], []byte(s.digest.Hex())); err != nil {
				return fmt.Errorf("image %s: %w", s.digest, err)
			}
			if len(run.doomed) < run.most {
				run.doomed = append(run.doomed, d)
				continue
			}
			run.doomed[run.next], run.more = d, true
			run.next = (run.next + 1) % run.most
		}
		if seen += len(some); seen < renewEvery {
			return nil
		}
		seen = 0
		return run.g.db.Write(ctx, run.renew)
	})
}

// disturb says that there is one image less that rules may have counted: it goes, is archived, becomes part of an index, or loses a tag. A run at work that counts
// images then acts no more by its counts, which would take what the newest images are now (H87): another run counts again. What the run itself does is what it
// counted with.
func (r *Repo) disturb(tx *sql.Tx) error {
	if r.counted {
		return nil
	}
	_, err := tx.Exec(`UPDATE lifecycle_count SET disturbed = TRUE WHERE repository_id = $1 AND NOT disturbed`, r.ID)
	return err
}

// look asks whether the counts of the run still hold.
func (run *lifecycleRun) look(tx *sql.Tx) (disturbed bool, err error) {
	if !run.counts {
		return false, nil
	}
	err = tx.Row(`SELECT disturbed FROM lifecycle_count WHERE repository_id = $1`, sql.Args(run.ID), &disturbed)
	return disturbed, err
}

// renew holds the turn for longer. errTurnOver says that it is over.
func (run *lifecycleRun) renew(tx *sql.Tx) error {
	n, err := tx.Exec(`UPDATE lifecycle SET due_at = $1 WHERE repository_id = $2 AND turn = $3`, sql.Micros(run.g.now().Add(lifecycleLease)), run.ID, run.turn)
	if err == nil && n == 0 {
		err = errTurnOver
	}
	return err
}

// stateOf tells whether an image is still what a rule was asked about: it has the same tags, was not restored meanwhile, and not pulled if the rule counts from
// that (H87).
func stateOf(i *agedImage, rule *lifecycle.Rule) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s %d %d %d", i.Class, i.Pushed.UnixMicro(), i.Archived.UnixMicro(), i.Activated.UnixMicro())
	if rule.Count == lifecycle.SincePulled {
		fmt.Fprintf(h, " %d", i.Pulled.UnixMicro())
	}
	for _, tag := range i.Tags {
		fmt.Fprintf(h, " %s", tag)
	}
	return h.Sum64()
}

// carryOut acts upon what was chosen, oldest first (LC-23), and notes that the run came to its end.
func (run *lifecycleRun) carryOut(ctx context.Context) error {
	all := run.doomed
	if run.more { // the ring begins at next
		all = append(append(make([]doomed, 0, len(all)), all[run.next:]...), all[:run.next]...)
	}
	for end := len(all); end > 0; end -= expireTogether {
		var did LifecycleRun
		err := run.g.db.Write(ctx, func(tx *sql.Tx) error {
			did = LifecycleRun{}
			if err := run.renew(tx); err != nil {
				return err
			}
			guard, err := run.guard(tx, run.began)
			if err != nil {
				return err
			}
			if did.Disturbed, err = run.look(tx); err != nil {
				return err
			}
			for i := end - 1; i >= max(0, end-expireTogether); i-- {
				if err := run.act(tx, guard, &all[i], &did); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		run.Expired, run.Archived, run.Kept, run.Disturbed = run.Expired+did.Expired, run.Archived+did.Archived, run.Kept+did.Kept, run.Disturbed || did.Disturbed
	}
	return run.finish(ctx)
}

// act expires or archives one image if it is still as it was when its rule chose it, and nothing protects it: both are looked at in the transaction in which it goes
// (H87). did counts it.
func (run *lifecycleRun) act(tx *sql.Tx, g guard, d *doomed, did *LifecycleRun) error {
	digest, rule := oci.Digest("sha256:"+hex.EncodeToString(d.digest[:])), &run.policy.Rules[d.rule]
	if did.Disturbed && rule.Count == lifecycle.MoreThan {
		return nil
	}
	i, err := run.agedOne(tx, digest, run.began)
	if i == nil || err != nil { // somebody else has removed it
		return err
	}
	if stateOf(i, rule) != d.state {
		did.Kept++
		return nil
	}
	if p, err := run.protection(tx, g, i); err != nil {
		return err
	} else if p.By != "" {
		did.Kept++
		return nil
	}
	if rule.Action == lifecycle.Transition {
		did.Archived++
		return run.archive(tx, digest, rule)
	}
	did.Expired++
	return run.expire(tx, digest, rule)
}

// archive archives an image with what belongs to it.
func (run *lifecycleRun) archive(tx *sql.Tx, d oci.Digest, rule *lifecycle.Rule) error {
	archived, err := run.archiveImage(tx, d)
	for _, d := range archived {
		err = errors.Join(err, run.recordOf(tx, d, rule))
	}
	return err
}

// expire removes an image with what goes with it.
func (run *lifecycleRun) expire(tx *sql.Tx, d oci.Digest, rule *lifecycle.Rule) error {
	all, err := run.goesWith(tx, d)
	if err != nil {
		return err
	}
	for _, d := range all {
		if err := run.recordOf(tx, d, rule); err != nil {
			return err
		}
	}
	run.why = fmt.Sprintf("rule %d of the lifecycle policy", rule.Priority)
	var removal int64 // of the image itself, which is the first
	for _, d := range all {
		var there bool // else it went with what it refers to
		if err := tx.Row(`SELECT EXISTS (SELECT 1 FROM manifest WHERE repository_id = $1 AND digest = $2)`, sql.Args(run.ID, d), &there); err != nil {
			return err
		}
		if there {
			if removal, err = run.deleteWith(tx, d, removal, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// recordOf keeps for the audit what happens to an image that is still there, and by which rule (LC-23).
func (run *lifecycleRun) recordOf(tx *sql.Tx, d oci.Digest, rule *lifecycle.Rule) error {
	tags, err := run.tagsOf(tx, d)
	if err != nil {
		return err
	}
	record := run.call.Audit
	record.Time, record.Tag, record.Digest = run.g.now(), strings.Join(tags, ","), string(d)
	record.Policy, record.Statement = "lifecycle policy", fmt.Sprintf("rule %d: %s", rule.Priority, rule.Action)
	return run.g.log.Write(tx, &record)
}

// finish notes that the run came to its end.
func (run *lifecycleRun) finish(ctx context.Context) error {
	again := run.began.Add(lifecycleEvery)
	if run.more && run.Expired+run.Archived > 0 {
		again = run.began // there is more to do
	}
	if run.Disturbed {
		again = run.began.Add(recountAfter)
	}
	return run.g.db.Write(ctx, func(tx *sql.Tx) error {
		n, err := tx.Exec(`UPDATE lifecycle SET evaluated_at = $1, due_at = $2 WHERE repository_id = $3 AND turn = $4`, sql.Micros(run.began), sql.Micros(again), run.ID, run.turn)
		if err == nil && n == 0 {
			err = errTurnOver
		}
		if err == nil && run.counts {
			_, err = tx.Exec(`DELETE FROM lifecycle_count WHERE repository_id = $1`, run.ID)
		}
		return err
	})
}

// end answers what the run did, also when its turn was over before it came to its end: that is no failure, and what it did was right when it did it.
func (run *lifecycleRun) end(err error) (*LifecycleRun, error) {
	if run.Ended = errors.Is(err, errTurnOver); err != nil && !run.Ended {
		return nil, err
	}
	return &run.LifecycleRun, nil
}
