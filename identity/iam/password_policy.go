package iam

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/storage/sql"
)

// PasswordPolicy is what an account asks of the passwords of its users (IAM-5).
type PasswordPolicy struct {
	MinimumLength                          int // characters
	Symbols, Numbers, Uppercase, Lowercase bool
	AllowUsersToChange                     bool // each their own, without a policy that allows iam:ChangePassword
	MaxAgeDays                             int  // 0: passwords do not expire
	Reuse                                  int  // how many passwords before must not come again; 0: any may
	HardExpiry                             bool // who let the password expire needs an administrator

	threeKinds bool // of the default: three of the four kinds of characters
}

// defaultPasswordPolicy holds where an account has no policy of its own, as on AWS.
func defaultPasswordPolicy() *PasswordPolicy {
	return &PasswordPolicy{MinimumLength: 8, threeKinds: true}
}

const (
	passwordSymbols  = "!@#$%^&*()_+-=[]{}|'" // those that AWS counts
	mostOldPasswords = 24
)

func passwordPolicyResource(account string) *Resource {
	return &Resource{ARN: "*", Account: account}
}

func noPasswordPolicy(account string) error {
	return fault.New(fault.NoSuchEntity, "The Password Policy with domain name %s cannot be found.", account)
}

// PasswordPolicy returns the password policy of the caller's account; NoSuchEntity.
func (d *Directory) PasswordPolicy(ctx context.Context) (*PasswordPolicy, error) {
	account, err := callerAccount(ctx)
	if err != nil {
		return nil, err
	}
	if err := d.Authorize(ctx, "iam:GetAccountPasswordPolicy", passwordPolicyResource(account)); err != nil {
		return nil, err
	}
	var p *PasswordPolicy
	err = d.db.View(ctx, func(tx *sql.Tx) error {
		p, err = readPasswordPolicy(tx, account)
		return err
	})
	if err == nil && p.threeKinds {
		return nil, noPasswordPolicy(account)
	}
	return p, err
}

// readPasswordPolicy is the policy in force.
func readPasswordPolicy(tx *sql.Tx, account string) (*PasswordPolicy, error) {
	var text string
	err := tx.Row(`SELECT policy FROM iam_password_policy WHERE account = $1`, sql.Args(account), &text)
	if errors.Is(err, sql.ErrNoRows) {
		return defaultPasswordPolicy(), nil
	}
	if err != nil {
		return nil, err
	}
	p := &PasswordPolicy{}
	return p, json.Unmarshal([]byte(text), p)
}

// UpdatePasswordPolicy sets the password policy of the caller's account. It holds for passwords that are set from then on; their age counts at once.
// Faults: Validation.
func (d *Directory) UpdatePasswordPolicy(ctx context.Context, p PasswordPolicy) error {
	account, err := callerAccount(ctx)
	if err != nil {
		return err
	}
	if err := d.Authorize(ctx, "iam:UpdateAccountPasswordPolicy", passwordPolicyResource(account)); err != nil {
		return err
	}
	for _, c := range []struct {
		value, least, most int
		member             string
	}{
		{p.MinimumLength, 6, 128, "minimumPasswordLength"}, {p.MaxAgeDays, 0, 1095, "maxPasswordAge"}, {p.Reuse, 0, mostOldPasswords, "passwordReusePrevention"},
	} {
		if c.value < c.least {
			return invalidValue(strconv.Itoa(c.value), c.member, "Member must have value greater than or equal to "+strconv.Itoa(max(c.least, 1)))
		}
		if c.value > c.most {
			return invalidValue(strconv.Itoa(c.value), c.member, "Member must have value less than or equal to "+strconv.Itoa(c.most))
		}
	}
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return d.commit(ctx, account, func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT INTO iam_password_policy (account, policy) VALUES ($1, $2) ON CONFLICT (account) DO UPDATE SET policy = excluded.policy`, account, string(text))
		return err
	})
}

// DeletePasswordPolicy takes the account's policy away: the default holds then. Faults: NoSuchEntity.
func (d *Directory) DeletePasswordPolicy(ctx context.Context) error {
	account, err := callerAccount(ctx)
	if err != nil {
		return err
	}
	if err := d.Authorize(ctx, "iam:DeleteAccountPasswordPolicy", passwordPolicyResource(account)); err != nil {
		return err
	}
	return d.commit(ctx, account, func(tx *sql.Tx) error {
		n, err := tx.Exec(`DELETE FROM iam_password_policy WHERE account = $1`, account)
		if err == nil && n == 0 {
			err = noPasswordPolicy(account)
		}
		return err
	})
}

// check holds a new password to the policy: PasswordPolicyViolation.
func (p *PasswordPolicy) check(password string) error {
	has := func(in func(r rune) bool) bool { return strings.ContainsFunc(password, in) }
	upper := has(func(r rune) bool { return 'A' <= r && r <= 'Z' })
	lower := has(func(r rune) bool { return 'a' <= r && r <= 'z' })
	number := has(func(r rune) bool { return '0' <= r && r <= '9' })
	symbol := has(func(r rune) bool { return strings.ContainsRune(passwordSymbols, r) })
	kinds := 0
	for _, there := range []bool{upper, lower, number, symbol} {
		if there {
			kinds++
		}
	}
	n := utf8.RuneCountInString(password)
	for _, c := range []struct {
		wrong bool
		text  string
	}{
		{n < p.MinimumLength, "Password should have a minimum length of " + strconv.Itoa(p.MinimumLength)},
		{n > 128, "Password should have a maximum length of 128"},
		{p.Uppercase && !upper, "Password should have at least one uppercase letter"},
		{p.Lowercase && !lower, "Password should have at least one lowercase letter"},
		{p.Numbers && !number, "Password should have at least one number"},
		{p.Symbols && !symbol, "Password should have at least one symbol"},
		{p.threeKinds && kinds < 3, "Password should have at least three of these: uppercase letters, lowercase letters, numbers, symbols"},
	} {
		if c.wrong {
			return fault.New(fault.PasswordPolicyViolation, "%s", c.text)
		}
	}
	return nil
}

// expired reports whether a password that was set then is too old now.
func (p *PasswordPolicy) expired(changed, now time.Time) bool {
	return p.MaxAgeDays > 0 && !now.Before(changed.AddDate(0, 0, p.MaxAgeDays))
}
