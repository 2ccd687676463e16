package iam

import (
	"cmp"
	"context"
	"math"
	"regexp"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/storage/sql"
)

var aliasForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9]|-[a-z0-9]){2,62}$`)

// CreateAccountAlias gives the caller's account its one alias, in place of one that it has. Faults: EntityAlreadyExists, Validation.
func (d *Directory) CreateAccountAlias(ctx context.Context, alias string) error {
	if !aliasForm.MatchString(alias) || len(alias) > 63 {
		return invalidValue(alias, "accountAlias", "Member must satisfy regular expression pattern: ^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$")
	}
	return d.changeAlias(ctx, "iam:CreateAccountAlias", func(tx *sql.Tx, account string) error {
		if n, err := tx.Count(`SELECT COUNT(*) FROM iam_account WHERE alias = $1 AND id <> $2`, alias, account); err != nil || n > 0 {
			return cmp.Or[error](err, fault.New(fault.EntityAlreadyExists, "The account alias %s already exists.", alias))
		}
		_, err := tx.Exec(`UPDATE iam_account SET alias = $1 WHERE id = $2`, alias, account)
		return err
	})
}

// DeleteAccountAlias takes the alias away. Faults: NoSuchEntity.
func (d *Directory) DeleteAccountAlias(ctx context.Context, alias string) error {
	return d.changeAlias(ctx, "iam:DeleteAccountAlias", func(tx *sql.Tx, account string) error {
		n, err := tx.Exec(`UPDATE iam_account SET alias = NULL WHERE id = $1 AND alias = $2`, account, alias)
		if err == nil && n == 0 {
			err = fault.New(fault.NoSuchEntity, "The Account Alias %s cannot be found.", alias)
		}
		return err
	})
}

func (d *Directory) changeAlias(ctx context.Context, action string, f func(tx *sql.Tx, account string) error) error {
	account, err := callerAccount(ctx)
	if err != nil {
		return err
	}
	if err := d.Authorize(ctx, action, &Resource{ARN: "*"}); err != nil {
		return err
	}
	return d.commit(ctx, account, func(tx *sql.Tx) error { return f(tx, account) })
}

// AccountAliases returns the alias of the caller's account, if it has one.
func (d *Directory) AccountAliases(ctx context.Context) ([]string, error) {
	account, err := callerAccount(ctx)
	if err != nil {
		return nil, err
	}
	if err := d.Authorize(ctx, "iam:ListAccountAliases", &Resource{ARN: "*"}); err != nil {
		return nil, err
	}
	a, err := d.Account(ctx, account)
	if err != nil || a.Alias == "" {
		return nil, err
	}
	return []string{a.Alias}, nil
}

// AccountSummary counts what the caller's account has and may have, under the names of GetAccountSummary.
func (d *Directory) AccountSummary(ctx context.Context) (map[string]int32, error) {
	account, err := callerAccount(ctx)
	if err != nil {
		return nil, err
	}
	if err := d.Authorize(ctx, "iam:GetAccountSummary", &Resource{ARN: "*"}); err != nil {
		return nil, err
	}
	m := map[string]int32{
		"AccessKeysPerUserQuota": mostKeysPerUser, "GroupsPerUserQuota": mostGroupsPerUser, "VersionsPerPolicyQuota": mostVersions,
		"AttachedPoliciesPerUserQuota": mostPolicies, "AttachedPoliciesPerGroupQuota": mostPolicies, "AttachedPoliciesPerRoleQuota": mostPolicies,
		"UserPolicySizeQuota": int32(KindUser.inlineQuota()), "GroupPolicySizeQuota": int32(KindGroup.inlineQuota()), "RolePolicySizeQuota": int32(KindRole.inlineQuota()),
		"PolicySizeQuota": mostPolicyLength, "AssumeRolePolicySizeQuota": mostTrustLength,
		// What has no limit here: the greatest number that the answer can hold.
		"UsersQuota": math.MaxInt32, "GroupsQuota": math.MaxInt32, "RolesQuota": math.MaxInt32, "PoliciesQuota": math.MaxInt32,
		"PolicyVersionsInUseQuota": math.MaxInt32, "InstanceProfilesQuota": math.MaxInt32,
		// What does not exist here.
		"AccountMFAEnabled": 0, "MFADevices": 0, "MFADevicesInUse": 0, "AccountSigningCertificatesPresent": 0, "SigningCertificatesPerUserQuota": 0,
		"ServerCertificates": 0, "ServerCertificatesQuota": 0, "AccountPasswordPresent": 0,
		"GlobalEndpointTokenVersion": 2, // sessions are good in every region
	}
	err = d.db.View(ctx, func(tx *sql.Tx) error {
		for name, query := range map[string]string{
			"Users":                    `SELECT COUNT(*) FROM iam_user WHERE account = $1`,
			"Groups":                   `SELECT COUNT(*) FROM iam_group WHERE account = $1`,
			"Roles":                    `SELECT COUNT(*) FROM iam_role WHERE account = $1`,
			"InstanceProfiles":         `SELECT COUNT(*) FROM iam_instance_profile WHERE account = $1`,
			"Policies":                 `SELECT COUNT(*) FROM iam_policy WHERE account = $1`,
			"PolicyVersionsInUse":      `SELECT COUNT(*) FROM iam_policy_version v JOIN iam_policy p ON p.id = v.policy WHERE p.account = $1`,
			"Providers":                `SELECT COUNT(*) FROM iam_oidc_provider WHERE account = $1`,
			"AccountAccessKeysPresent": `SELECT COUNT(*) FROM iam_access_key WHERE owner = $1`,
		} {
			n, err := tx.Count(query, account)
			if err != nil {
				return err
			}
			m[name] = int32(n)
		}
		return nil
	})
	return m, err
}
