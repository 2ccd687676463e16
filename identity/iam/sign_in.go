package iam

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/arn"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/sql"
)

// SignInPassword is somebody who says who he is, and proves it by a password.
type SignInPassword struct {
	Account     string // id or alias
	UserName    string
	Password    string
	NewPassword string // to be set where one must be; "" is none
}

// SignedIn is the answer to a right password.
type SignedIn struct {
	// ARN is the user's.
	ARN string
	// Credentials are of a session of the user, of twelve hours at most; nil if the password must be changed first.
	Credentials *TemporaryCredentials
	// MustChange says why another password has to be set first; "" if none has to. The session is made when the request brings one.
	MustChange string
}

// generationOf is the generation of the password that an issuer names; no password has 0.
func generationOf(issuer string) int64 {
	n, err := strconv.ParseInt(strings.TrimPrefix(issuer, loginIssuer), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// signInLifetime is how long a session lasts that a password began. It ends before when the password changes, or its user or profile is deleted.
const signInLifetime = 12 * time.Hour

// loginIssuer begins the issuer of a session that a password began; the generation of the password follows.
const loginIssuer = "login:"

// SignInByPassword gives a user who knows its password credentials of a session like those of GetSessionToken: it needs no permission, and the session may do
// what the user may. Whether there is such an account, user or login profile shows neither in the answer nor in its time: all that is wrong is one AccessDenied.
//
// Each user and each address may fail some times; further tries are refused for times that grow (Throttled), on every node. The try is counted before the
// password is looked at, so that many at once are no way around. Other faults: PasswordPolicyViolation for a new password, AccessDenied for one that expired
// for good.
func (d *Directory) SignInByPassword(ctx context.Context, in SignInPassword) (*SignedIn, error) {
	c := From(ctx)
	c.Audit.Decision = "Deny" // until the password is seen to be right
	account, err := d.accountNamed(ctx, in.Account)
	if err != nil {
		return nil, err
	}
	l, rules, err := d.findLogin(ctx, account, in.UserName)
	if err != nil {
		return nil, err
	}
	hash := d.stretch.nobody()
	if l != nil {
		hash = l.hash
		c.Audit.Resource, c.Audit.Owner = l.owner.arn(), l.owner.account
	}
	t := d.subjects(account, in.UserName, c.SourceIP) // id and alias together have one count
	if err := d.attempt(ctx, t); err != nil {
		return nil, err
	}
	right, err := d.stretch.matches(ctx, hash, in.Password)
	if err != nil {
		return nil, err
	}
	if !right || l == nil {
		return nil, c.Refuse("The account, the user name or the password is wrong.")
	}
	out := &SignedIn{ARN: l.owner.arn()}
	tooOld := rules.expired(l.changed, d.options.Now())
	switch {
	case tooOld && rules.HardExpiry:
		return nil, c.Refuse("Your password has expired. An administrator of the account has to set another.")
	case l.resetRequired:
		out.MustChange = "An administrator has set this password: choose one of your own."
	case tooOld:
		out.MustChange = "Your password has expired: choose another."
	}
	c.Principal = &policy.Principal{Type: policy.User, ARN: out.ARN, Account: l.owner.account, ID: l.owner.id}
	c.describe("berth:SignIn", &Resource{ARN: out.ARN, Account: l.owner.account})
	c.Audit.Decision, c.Audit.Error = "Allow", ""
	hash = ""
	if out.MustChange != "" {
		if in.NewPassword == "" {
			return out, d.signedIn(ctx, t, l, "")
		}
		if in.NewPassword == in.Password {
			return nil, fault.New(fault.PasswordPolicyViolation, "The new password is the old one.")
		}
		if hash, err = d.newPassword(ctx, l, rules, in.NewPassword); err != nil {
			return nil, err
		}
		out.MustChange = ""
	}
	if err := d.signedIn(ctx, t, l, hash); err != nil {
		return nil, err
	}
	out.Credentials, err = d.startSession(ctx, l.owner.account, sealedSession{Kind: ofUser, Owner: l.owner.id, Issuer: loginIssuer + strconv.FormatInt(l.generation, 10)}, signInLifetime)
	return out, err
}

// accountNamed is the id of the account that is called by its id or alias; what is neither is as it was.
func (d *Directory) accountNamed(ctx context.Context, name string) (string, error) {
	if arn.IsAccount(name) {
		return name, nil
	}
	id := name
	err := d.db.Row(ctx, `SELECT id FROM iam_account WHERE alias = $1`, sql.Args(name), &id)
	if errors.Is(err, sql.ErrNoRows) {
		return name, nil
	}
	return id, err
}

// findLogin finds the login profile of the user that somebody says to be; nil if there is none, or the account is closed.
func (d *Directory) findLogin(ctx context.Context, account, name string) (*login, *PasswordPolicy, error) {
	var l *login
	var rules *PasswordPolicy
	err := d.db.View(ctx, func(tx *sql.Tx) error {
		var state string
		if err := tx.Row(`SELECT state FROM iam_account WHERE id = $1 AND state = $2`, sql.Args(account, string(AccountActive)), &state); err != nil {
			return err
		}
		e := &entity{kind: KindUser, account: account}
		if err := tx.Row(`SELECT id, name, path FROM iam_user WHERE account = $1 AND folded = $2`, sql.Args(account, fold(name)), &e.id, &e.name, &e.path); err != nil {
			return err
		}
		found, err := readLogin(tx, e)
		if err != nil {
			return err
		}
		if rules, err = readPasswordPolicy(tx, account); err == nil {
			l = found
		}
		return err
	})
	if errors.Is(err, sql.ErrNoRows) || fault.Is(err, fault.NoSuchEntity) {
		err = nil
	}
	return l, rules, err
}

// signedIn notes a success, and sets the new password if there is one. l has the new generation then.
func (d *Directory) signedIn(ctx context.Context, t *tries, l *login, hash string) error {
	return d.db.Write(ctx, func(tx *sql.Tx) error {
		if err := t.succeeded(tx); err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE iam_user SET password_used = $1 WHERE id = $2`, sql.Micros(d.options.Now()), l.owner.id); err != nil || hash == "" {
			return err
		}
		if err := d.setPassword(tx, l, hash, false); err != nil {
			return err
		}
		if err := tx.Row(`SELECT generation FROM iam_login WHERE owner = $1`, sql.Args(l.owner.id), &l.generation); err != nil {
			return err
		}
		if err := tx.Changed(d.epoch, l.owner.account); err != nil {
			return err
		}
		change := From(ctx).Audit // besides the record of the sign-in
		change.Action = "iam:ChangePassword"
		return d.log.Write(tx, &change)
	})
}

// tries are those whose failed sign-ins are counted: the user that was named, and the address that named it.
type tries struct {
	user, address string
	now           time.Time
}

const (
	// freeTries may fail before tries are refused: of a user, and of an address, behind which many people may be.
	freeTriesOfUser    = 5
	freeTriesOfAddress = 50
	// lockMost is the longest that tries are refused. Each failure doubles the time, beginning at a second.
	lockMost = 15 * time.Minute
	// forgetTries is when failures do not count any more.
	forgetTries = 24 * time.Hour
)

// subjects names who is counted. The names are hashes: what people type as a user name may be their password. Of an IPv6 address the network counts, since
// one customer has all of it.
func (d *Directory) subjects(account, user string, address netip.Addr) *tries {
	bits := 32
	if address = address.Unmap().WithZone(""); address.Is6() {
		bits = 64
	}
	network, _ := address.Prefix(bits) // of no address the zero one
	name := func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return hex.EncodeToString(sum[:])
	}
	return &tries{user: name("user " + account + " " + fold(user)), address: name("address " + network.String()), now: d.options.Now()}
}

// attempt counts a try before its password is looked at, or refuses it: Throttled.
func (d *Directory) attempt(ctx context.Context, t *tries) error {
	return d.db.Write(ctx, func(tx *sql.Tx) error {
		var locked time.Time
		forgotten, now := sql.Micros(t.now.Add(-forgetTries)), sql.Micros(t.now)
		for _, c := range []struct {
			subject string
			free    int64
		}{{t.user, freeTriesOfUser}, {t.address, freeTriesOfAddress}} {
			var failures, until int64
			if err := tx.Row(`INSERT INTO iam_sign_in_failure (subject, failures, locked_until, at) VALUES ($1, 1, 0, $2)
				ON CONFLICT (subject) DO UPDATE SET failures = CASE WHEN iam_sign_in_failure.at > $3 THEN iam_sign_in_failure.failures + 1 ELSE 1 END, at = excluded.at
				RETURNING failures, locked_until`, sql.Args(c.subject, now, forgotten), &failures, &until); err != nil {
				return err
			}
			if until := sql.Time(until); until.After(t.now) {
				if until.After(locked) {
					locked = until
				}
				continue
			}
			wait := time.Duration(0)
			if over := failures - c.free; over >= 10 {
				wait = lockMost
			} else if over >= 0 {
				wait = time.Second << over
			}
			if _, err := tx.Exec(`UPDATE iam_sign_in_failure SET locked_until = $1 WHERE subject = $2`, sql.Micros(t.now.Add(wait)), c.subject); err != nil {
				return err
			}
		}
		if !locked.IsZero() { // and what was counted is not: who is refused unheard has failed at nothing
			return fault.New(fault.Throttled, "Too many sign-ins have failed. Try again in %d seconds.", int(math.Ceil(locked.Sub(t.now).Seconds())))
		}
		_, err := tx.Exec(`DELETE FROM iam_sign_in_failure WHERE at <= $1`, forgotten)
		return err
	})
}

// succeeded forgets the failures of the user, and takes back what this try has added to the address: who has one password must not guess others for free.
func (t *tries) succeeded(tx *sql.Tx) error {
	if _, err := tx.Exec(`DELETE FROM iam_sign_in_failure WHERE subject = $1`, t.user); err != nil {
		return err
	}
	_, err := tx.Exec(`UPDATE iam_sign_in_failure SET failures = failures - 1, locked_until = 0 WHERE subject = $1 AND failures > 0`, t.address)
	return err
}
