package registry

import (
	"context"
	"errors"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/lifecycle"
	"github.com/berth-registry/berth/storage/sql"
)

const (
	// lifecycleSoon is how long a new policy waits for its first run: who puts a wrong one, or several in a row, has this time to put the right one.
	lifecycleSoon = 10 * time.Second
	// lifecycleEvery is when it runs again after that (LC-24).
	lifecycleEvery = time.Hour
)

// Lifecycle is the lifecycle policy of a repository.
type Lifecycle struct {
	Text string
	// Evaluated is when the last run began that came to its end; 1970 if none did (LC-11).
	Evaluated time.Time
}

// SetLifecycle gives the repository a lifecycle policy, which runs within a minute. The text is kept byte for byte. The fault is InvalidParameter, with AWS's text
// and then where in the policy (LC-10).
func (r *Repo) SetLifecycle(ctx context.Context, text string) error {
	if err := r.g.allowsLifecycle(text); err != nil {
		return err
	}
	return r.write(ctx, func(tx *sql.Tx) error { return r.g.putLifecycle(tx, r.ID, text) })
}

// putLifecycle keeps a text that parseLifecycle has read. A run that is at work by another text ends, and of a text that is new none has come to its end (LC-11).
func (g *Registry) putLifecycle(tx *sql.Tx, repository int64, text string) error {
	_, err := tx.Exec(`INSERT INTO lifecycle (repository_id, text, evaluated_at, due_at, turn) VALUES ($1, $2, 0, $3, 1)
		ON CONFLICT (repository_id) DO UPDATE SET evaluated_at = CASE WHEN lifecycle.text = excluded.text THEN lifecycle.evaluated_at ELSE 0 END, text = excluded.text, due_at = excluded.due_at, turn = lifecycle.turn + 1`,
		repository, text, sql.Micros(g.now().Add(lifecycleSoon)))
	return err
}

// allowsLifecycle reports whether a policy can be kept: it can be read, and has not more rules than are allowed. The fault is InvalidParameter, as for all that is wrong
// with a policy: PutLifecyclePolicy has no error for limits.
func (g *Registry) allowsLifecycle(text string) error {
	p, err := parseLifecycle(text)
	if err == nil && int64(len(p.Rules)) > g.limits.Rules {
		err = fault.New(fault.InvalidParameter, "Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy validation failure: array is too long': rules: there are %d, and %d is the limit",
			len(p.Rules), g.limits.Rules)
	}
	return err
}

// parseLifecycle reads a policy. The fault is InvalidParameter.
func parseLifecycle(text string) (*lifecycle.Policy, error) {
	p, err := lifecycle.Parse([]byte(text))
	var wrong *lifecycle.Invalid
	if errors.As(err, &wrong) {
		return nil, fault.New(fault.InvalidParameter, "Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy validation failure: %s': line %d, column %d%s",
			wrong.Detail, wrong.Line, wrong.Column, at(wrong.Path))
	}
	return p, err
}

func at(path string) string {
	if path == "" {
		return ""
	}
	return ": " + path
}

// Lifecycle reads the lifecycle policy. The fault is LifecyclePolicyNotFound.
func (r *Repo) Lifecycle(ctx context.Context) (l Lifecycle, err error) {
	err = r.g.db.View(ctx, func(tx *sql.Tx) error {
		l, err = r.lifecycle(tx)
		return err
	})
	return l, err
}

func (r *Repo) lifecycle(tx *sql.Tx) (l Lifecycle, err error) {
	var evaluated int64
	err = tx.Row(`SELECT text, evaluated_at FROM lifecycle WHERE repository_id = $1`, sql.Args(r.ID), &l.Text, &evaluated)
	if errors.Is(err, sql.ErrNoRows) {
		err = fault.New(fault.LifecyclePolicyNotFound, "Lifecycle policy does not exist for the repository with name '%s' in the registry with id '%s'", r.Name, r.Account)
	}
	l.Evaluated = sql.Time(evaluated)
	return l, err
}

// DeleteLifecycle removes the lifecycle policy and answers what it was; a run that is at work ends. The fault is LifecyclePolicyNotFound.
func (r *Repo) DeleteLifecycle(ctx context.Context) (l Lifecycle, err error) {
	err = r.write(ctx, func(tx *sql.Tx) error {
		if l, err = r.lifecycle(tx); err != nil {
			return err
		}
		_, err = tx.Exec(`DELETE FROM lifecycle WHERE repository_id = $1`, r.ID)
		return err
	})
	return l, err
}
