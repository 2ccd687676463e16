package registry

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/storage/sql"
)

// SigningRule says that images are signed with a profile when they are pushed: to the repositories whose whole name matches one of the filters, in which *
// stands for any run of characters; to all of them when there is no filter (API-78).
type SigningRule struct {
	Profile      string   `json:"profile"` // ARN
	Repositories []string `json:"repositories,omitempty"`
}

func (r *SigningRule) matches(repository string) bool {
	return len(r.Repositories) == 0 || slices.ContainsFunc(r.Repositories, func(f string) bool { return matches(f, repository) })
}

// SigningStatus is how far the signature of an image with a profile is (API-78). The failure is told when Status is SigningFailed.
type SigningStatus struct {
	Profile       string // ARN
	Status        string
	FailureCode   string
	FailureReason string
}

// What SigningStatus.Status is.
const (
	SigningInProgress = "IN_PROGRESS"
	SigningComplete   = "COMPLETE"
	SigningFailed     = "FAILED"
)

// SigningRules are the rules of the account in region (API-78). It needs ecr:GetSigningConfiguration. The fault is SigningConfigurationNotFound.
func (g *Registry) SigningRules(ctx context.Context, account, region string) (rules []SigningRule, err error) {
	if err := g.authorize(ctx, "ecr:GetSigningConfiguration", account, region, nil); err != nil {
		return nil, err
	}
	err = g.db.View(ctx, func(tx *sql.Tx) error {
		rules, err = readSigning(tx, account, region)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, noSigning(account)
	}
	return rules, err
}

// PutSigningRules makes the rules of the account in region what is signed from now on (API-78). It needs ecr:PutSigningConfiguration. The fault is Validation
// for a profile of another region, or one that is not there.
func (g *Registry) PutSigningRules(ctx context.Context, account, region string, rules []SigningRule) error {
	if err := g.authorize(ctx, "ecr:PutSigningConfiguration", account, region, nil); err != nil {
		return err
	}
	for _, rule := range rules {
		profile, name, err := parseProfile(rule.Profile)
		if err != nil {
			return fault.New(fault.Validation, "%s", err.Error())
		}
		if profile.Region != region {
			return fault.New(fault.Validation, "The region of signing profile ARN '%s' is '%s' but must be '%s' (the current region)", rule.Profile, profile.Region, region)
		}
		var one int
		err = g.db.Row(ctx, `SELECT 1 FROM signing_profile WHERE account = $1 AND region = $2 AND name = $3`, sql.Args(profile.Account, region, name), &one)
		// Whether another account has such a profile is for that account to tell: who may not use it gets no signature.
		if errors.Is(err, sql.ErrNoRows) && profile.Account == account {
			return fault.New(fault.Validation, "The signing profile with ARN '%s' does not exist", rule.Profile)
		}
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	return g.writeRules(ctx, account, func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT INTO signing_configuration (account, region, rules) VALUES ($1, $2, $3) ON CONFLICT (account, region) DO UPDATE SET rules = excluded.rules`,
			account, region, toJSON(rules))
		return err
	})
}

// DeleteSigningRules ends the signing of what is pushed, and answers the rules that were (API-78). What was pushed before is signed all the same. It needs
// ecr:DeleteSigningConfiguration. The fault is SigningConfigurationNotFound.
func (g *Registry) DeleteSigningRules(ctx context.Context, account, region string) (rules []SigningRule, err error) {
	if err := g.authorize(ctx, "ecr:DeleteSigningConfiguration", account, region, nil); err != nil {
		return nil, err
	}
	err = g.writeRules(ctx, account, func(tx *sql.Tx) error {
		if rules, err = readSigning(tx, account, region); errors.Is(err, sql.ErrNoRows) {
			return noSigning(account)
		}
		if err != nil {
			return err
		}
		_, err := tx.Exec(`DELETE FROM signing_configuration WHERE account = $1 AND region = $2`, account, region)
		return err
	})
	return rules, err
}

func noSigning(account string) error {
	return fault.New(fault.SigningConfigurationNotFound, "Signing configuration does not exist in the registry with id '%s'", account)
}

// SigningStatuses tells of an image how far its signatures are, by profile; none if no rule asked for any when it was pushed (API-78). The fault is ImageNotFound.
func (r *Repo) SigningStatuses(ctx context.Context, ref Reference) (d oci.Digest, list []SigningStatus, err error) {
	images, err := r.ImagesByID(ctx, []Reference{ref})
	if err != nil {
		return "", nil, err
	}
	d = images[0].Digest
	err = r.g.db.View(ctx, func(tx *sql.Tx) error {
		list, err = r.signingOf(tx, d)
		return err
	})
	return d, list, err
}

func (r *Repo) signingOf(tx *sql.Tx, d oci.Digest) (list []SigningStatus, err error) {
	err = tx.Rows(`SELECT profile, status, failure_code, failure_reason FROM image_signing WHERE repository_id = $1 AND digest = $2 ORDER BY profile`, sql.Args(r.ID, d),
		func(row sql.Scanner) error {
			var s SigningStatus
			err := row.Scan(&s.Profile, &s.Status, &s.FailureCode, &s.FailureReason)
			list = append(list, s)
			return err
		})
	return list, err
}

// readSigning reads the rules of a registry; the error is sql.ErrNoRows if it has none.
func readSigning(tx *sql.Tx, account, region string) (rules []SigningRule, err error) {
	var text string
	if err := tx.Row(`SELECT rules FROM signing_configuration WHERE account = $1 AND region = $2`, sql.Args(account, region), &text); err != nil {
		return nil, err
	}
	return rules, json.Unmarshal([]byte(text), &rules)
}

// signatures decides which profiles are to sign what is pushed. Signatures are not signed. It is signed for the pusher, who must be allowed signer:SignPayload
// on the profile: else the push succeeds, and the status says why there is no signature.
func (r *Repo) signatures(ctx context.Context, m *oci.Manifest) (wanted []SigningStatus, err error) {
	of, err := r.g.rulesOf(ctx, r.Account, r.Region)
	if err != nil || len(of.signing) == 0 || oci.PurposeOf(referrerType(m), m.Annotations) == oci.Signature {
		return nil, err
	}
	for i := range of.signing {
		rule := &of.signing[i]
		if !rule.matches(r.Name) || slices.ContainsFunc(wanted, func(s SigningStatus) bool { return s.Profile == rule.Profile }) {
			continue
		}
		profile, _, err := parseProfile(rule.Profile)
		if err != nil {
			return nil, err
		}
		s := SigningStatus{Profile: rule.Profile, Status: SigningInProgress}
		if !r.g.who.May(iam.With(ctx, r.call), "signer:SignPayload", &iam.Resource{ARN: rule.Profile, Account: profile.Account}) {
			s.Status, s.FailureCode = SigningFailed, string(fault.AccessDenied)
			s.FailureReason = "User: " + r.call.Audit.Principal + " is not authorized to perform: signer:SignPayload on resource: " + rule.Profile
		}
		wanted = append(wanted, s)
	}
	return wanted, nil
}

// request notes in the transaction of a push, or of an image's return, how far its signatures are, and so what is to be signed. What has failed is tried again by another push of the
// same image.
func (r *Repo) request(tx *sql.Tx, d oci.Digest, wanted []SigningStatus) error {
	for _, s := range wanted {
		if _, err := tx.Exec(`INSERT INTO image_signing (repository_id, digest, profile, status, failure_code, failure_reason, due, tries) VALUES ($1, $2, $3, $4, $5, $6, $7, 0)
			ON CONFLICT (repository_id, digest, profile) DO UPDATE SET status = excluded.status, failure_code = excluded.failure_code, failure_reason = excluded.failure_reason,
				due = excluded.due, tries = 0 WHERE image_signing.status = 'FAILED'`,
			r.ID, d, s.Profile, s.Status, s.FailureCode, s.FailureReason, sql.Micros(r.g.now())); err != nil {
			return err
		}
	}
	return nil
}
