package iam

import (
	"context"
	"errors"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/sql"
)

// LoginProfile says that a user has a password (IAM-5). The password itself is never shown.
type LoginProfile struct {
	UserName      string
	Created       time.Time
	ResetRequired bool // the user must set another at the next sign-in
}

// login is the row of a login profile.
type login struct {
	owner         *entity
	hash          string
	generation    int64
	resetRequired bool
	created       time.Time
	changed       time.Time
}

func noLogin(user string) error {
	return fault.New(fault.NoSuchEntity, "Login Profile for User %s cannot be found.", user)
}

func readLogin(tx *sql.Tx, e *entity) (*login, error) {
	l := &login{owner: e}
	var created, changed int64
	err := tx.Row(`SELECT hash, generation, reset_required, created, changed FROM iam_login WHERE owner = $1`, sql.Args(e.id), &l.hash, &l.generation, &l.resetRequired, &created, &changed)
	if errors.Is(err, sql.ErrNoRows) {
		err = noLogin(e.name)
	}
	l.created, l.changed = sql.Time(created), sql.Time(changed)
	return l, err
}

func (l *login) profile() *LoginProfile {
	return &LoginProfile{l.owner.name, l.created, l.resetRequired}
}

// reachLogin finds the user whose password is meant, the caller itself if userName is "", and authorises action on it.
func (d *Directory) reachLogin(ctx context.Context, action, userName string) (*entity, error) {
	if userName == "" {
		var err error
		if userName, err = d.callerUser(ctx); err != nil {
			return nil, err
		}
		if userName == "" {
			return nil, fault.New(fault.Validation, "Must specify userName when calling with non-User credentials")
		}
	}
	return d.reach(ctx, action, Ref{KindUser, userName}, Resource{})
}

// CreateLoginProfile gives a user a password to sign in with. Faults: NoSuchEntity, EntityAlreadyExists, PasswordPolicyViolation.
func (d *Directory) CreateLoginProfile(ctx context.Context, userName, password string, resetRequired bool) (*LoginProfile, error) {
	e, err := d.reachLogin(ctx, "iam:CreateLoginProfile", userName)
	if err != nil {
		return nil, err
	}
	err = d.db.View(ctx, func(tx *sql.Tx) error {
		p, err := readPasswordPolicy(tx, e.account)
		if err != nil {
			return err
		}
		return p.check(password)
	})
	if err != nil {
		return nil, err
	}
	hash, err := d.stretch.hash(ctx, password)
	if err != nil {
		return nil, err
	}
	now := d.options.Now()
	l := &login{owner: e, resetRequired: resetRequired, created: stored(now)}
	err = d.commit(ctx, e.account, func(tx *sql.Tx) error {
		if err := e.stands(tx); err != nil {
			return err
		}
		n, err := tx.Exec(`INSERT INTO iam_login (owner, hash, generation, reset_required, created, changed) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (owner) DO NOTHING`,
			e.id, hash, sql.NewID(now), resetRequired, sql.Micros(now), sql.Micros(now))
		if err == nil && n == 0 {
			err = fault.New(fault.EntityAlreadyExists, "Login Profile for user %s already exists.", e.name)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return l.profile(), nil
}

// LoginProfile returns a user's login profile; "" is the caller itself. Faults: NoSuchEntity.
func (d *Directory) LoginProfile(ctx context.Context, userName string) (*LoginProfile, error) {
	e, err := d.reachLogin(ctx, "iam:GetLoginProfile", userName)
	if err != nil {
		return nil, err
	}
	var l *login
	err = d.db.View(ctx, func(tx *sql.Tx) error {
		l, err = readLogin(tx, e)
		return err
	})
	if err != nil {
		return nil, err
	}
	return l.profile(), nil
}

// UpdateLoginProfile sets a user's password, unless it is "", and whether the user must set another; nil leaves that as it is. Another password ends the sessions
// that the one before began. Faults: NoSuchEntity, PasswordPolicyViolation.
func (d *Directory) UpdateLoginProfile(ctx context.Context, userName, password string, resetRequired *bool) error {
	e, err := d.reachLogin(ctx, "iam:UpdateLoginProfile", userName)
	if err != nil {
		return err
	}
	var l *login
	err = d.db.View(ctx, func(tx *sql.Tx) error {
		if l, err = readLogin(tx, e); err != nil || password == "" {
			return err
		}
		p, err := readPasswordPolicy(tx, e.account)
		if err != nil {
			return err
		}
		return p.check(password)
	})
	if err != nil {
		return err
	}
	reset := l.resetRequired
	if resetRequired != nil {
		reset = *resetRequired
	}
	hash := ""
	if password != "" {
		if hash, err = d.stretch.hash(ctx, password); err != nil {
			return err
		}
	}
	return d.commit(ctx, e.account, func(tx *sql.Tx) error {
		if hash != "" {
			return d.setPassword(tx, l, hash, reset)
		}
		n, err := tx.Exec(`UPDATE iam_login SET reset_required = $1 WHERE owner = $2`, reset, e.id)
		if err == nil && n == 0 {
			err = noLogin(e.name)
		}
		return err
	})
}

// setPassword puts another password in the place of l's, which is remembered. It fails if l is no longer what stands there: who proved to know a password must
// not replace one that was set since.
func (d *Directory) setPassword(tx *sql.Tx, l *login, hash string, resetRequired bool) error {
	now := d.options.Now()
	n, err := tx.Exec(`UPDATE iam_login SET hash = $1, generation = $2, reset_required = $3, changed = $4 WHERE owner = $5 AND generation = $6`,
		hash, sql.NewID(now), resetRequired, sql.Micros(now), l.owner.id, l.generation)
	if err != nil {
		return err
	}
	if n == 0 {
		if _, err := readLogin(tx, l.owner); err != nil {
			return err
		}
		return fault.New(fault.Unavailable, "The password has been changed by another request. Try again.")
	}
	if _, err := tx.Exec(`INSERT INTO iam_old_password (owner, generation, hash) VALUES ($1, $2, $3)`, l.owner.id, l.generation, l.hash); err != nil {
		return err
	}
	_, err = tx.Exec(`DELETE FROM iam_old_password WHERE owner = $1 AND generation NOT IN (SELECT generation FROM iam_old_password WHERE owner = $1 ORDER BY generation DESC LIMIT $2)`,
		l.owner.id, mostOldPasswords)
	return err
}

// DeleteLoginProfile takes a user's password away, and ends the sessions that it began; access keys stay. Faults: NoSuchEntity.
func (d *Directory) DeleteLoginProfile(ctx context.Context, userName string) error {
	e, err := d.reachLogin(ctx, "iam:DeleteLoginProfile", userName)
	if err != nil {
		return err
	}
	return d.commit(ctx, e.account, func(tx *sql.Tx) error {
		n, err := tx.Exec(`DELETE FROM iam_login WHERE owner = $1`, e.id)
		if err == nil && n == 0 {
			err = noLogin(e.name)
		}
		if err == nil {
			_, err = tx.Exec(`DELETE FROM iam_old_password WHERE owner = $1`, e.id)
		}
		return err
	})
}

// ChangePassword lets the calling user set another password of its own. It needs iam:ChangePassword, or a password policy that lets users change theirs. Wrong
// old passwords count as failed sign-ins. Faults: InvalidUserType for who is no user, NoSuchEntity without a login profile, AccessDenied for a wrong old
// password, Throttled, PasswordPolicyViolation.
func (d *Directory) ChangePassword(ctx context.Context, old, new string) error {
	c, err := Caller(ctx)
	if err != nil {
		return err
	}
	if c.Principal.Type != policy.User {
		return fault.New(fault.InvalidUserType, "Only IAM Users can change their own password")
	}
	m, err := d.member(ctx, c.Principal)
	if err != nil {
		return err
	}
	e, err := d.find(ctx, KindUser, c.Principal.Account, m.name)
	if err != nil {
		return err
	}
	var l *login
	var rules *PasswordPolicy
	var missing error
	err = d.db.View(ctx, func(tx *sql.Tx) error {
		if rules, err = readPasswordPolicy(tx, e.account); err != nil {
			return err
		}
		l, missing = readLogin(tx, e)
		if fault.As(missing) == nil {
			return missing
		}
		return nil
	})
	if err != nil {
		return err
	}
	tags, err := d.tags(ctx, e.id)
	if err != nil {
		return err
	}
	r := &Resource{ARN: e.arn(), Tags: tags}
	if rules.AllowUsersToChange {
		_, err = d.AuthorizeUnlessDenied(ctx, "iam:ChangePassword", r, "the password policy of the account lets its users change their own passwords")
	} else {
		err = d.Authorize(ctx, "iam:ChangePassword", r)
	}
	if err != nil {
		return err
	}
	if missing != nil {
		return missing
	}
	if err := rules.check(new); err != nil {
		return err
	}
	t := d.subjects(e.account, e.name, c.SourceIP)
	if err := d.attempt(ctx, t); err != nil {
		return err
	}
	switch ok, err := d.stretch.matches(ctx, l.hash, old); {
	case err != nil:
		return err
	case !ok:
		return c.Refuse("The old password was incorrect.")
	}
	hash, err := d.newPassword(ctx, l, rules, new)
	if err != nil {
		return err
	}
	return d.commit(ctx, e.account, func(tx *sql.Tx) error {
		if err := t.succeeded(tx); err != nil {
			return err
		}
		return d.setPassword(tx, l, hash, false)
	})
}

// newPassword hashes the password that a user chose, if the policy does not refuse it as one of those before.
func (d *Directory) newPassword(ctx context.Context, l *login, rules *PasswordPolicy, password string) (string, error) {
	if err := rules.check(password); err != nil {
		return "", err
	}
	if rules.Reuse > 0 {
		hashes := []string{l.hash}
		err := d.db.Rows(ctx, `SELECT hash FROM iam_old_password WHERE owner = $1 ORDER BY generation DESC LIMIT $2`, sql.Args(l.owner.id, rules.Reuse-1), func(row sql.Scanner) error {
			var hash string
			err := row.Scan(&hash)
			hashes = append(hashes, hash)
			return err
		})
		if err != nil {
			return "", err
		}
		for _, hash := range hashes {
			switch same, err := d.stretch.matches(ctx, hash, password); {
			case err != nil:
				return "", err
			case same:
				return "", fault.New(fault.PasswordPolicyViolation, "Policy constraint violation with password reuse prevention during password change.")
			}
		}
	}
	return d.stretch.hash(ctx, password)
}
