package registry

import (
	"context"
	"errors"
	"slices"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/storage/sql"
)

// The account settings (API-49): of one account in one region.
const (
	BasicScanType       = "BASIC_SCAN_TYPE_VERSION"
	RegistryPolicyScope = "REGISTRY_POLICY_SCOPE"
	BlobMounting        = "BLOB_MOUNTING"
)

// settingValues lists what each setting may be, its default first.
var settingValues = map[string][]string{
	BasicScanType:       {"AWS_NATIVE"},
	RegistryPolicyScope: {"V2", "V1"},
	BlobMounting:        {"DISABLED", "ENABLED"},
}

// Describe authorises ecr:DescribeRegistry for the account's registry in region. What it describes, replication, is none as long as nobody can set it.
func (g *Registry) Describe(ctx context.Context, account string) error {
	return g.who.Authorize(ctx, "ecr:DescribeRegistry", &iam.Resource{ARN: "*", Account: account})
}

// AccountSetting reads one setting of the account in region. The faults are AccessDenied and InvalidParameter.
func (g *Registry) AccountSetting(ctx context.Context, account, region, name string) (string, error) {
	if err := g.who.Authorize(ctx, "ecr:GetAccountSetting", settingResource(account, name)); err != nil {
		return "", err
	}
	if settingValues[name] == nil {
		return "", unknownSetting()
	}
	return g.setting(ctx, account, region, name)
}

// PutAccountSetting changes one setting of the account in region. The faults are AccessDenied and InvalidParameter.
func (g *Registry) PutAccountSetting(ctx context.Context, account, region, name, value string) error {
	if err := g.who.Authorize(ctx, "ecr:PutAccountSetting", settingResource(account, name)); err != nil {
		return err
	}
	values := settingValues[name]
	if values == nil {
		return unknownSetting()
	}
	if !slices.Contains(values, value) {
		return fault.New(fault.InvalidParameter, "Invalid parameter at 'value' failed to satisfy constraint: '%s must be one of %v'", name, values)
	}
	call := iam.From(ctx)
	return g.db.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec(`INSERT INTO account_setting (account, region, name, value) VALUES ($1, $2, $3, $4)
			ON CONFLICT (account, region, name) DO UPDATE SET value = excluded.value`, account, region, name, value); err != nil {
			return err
		}
		return g.record(tx, call)
	})
}

func settingResource(account, name string) *iam.Resource {
	return &iam.Resource{ARN: "*", Account: account, Keys: map[string]string{"ecr:accountsetting": name}}
}

func unknownSetting() error {
	return invalid("name", "Member must satisfy enum value set: [BASIC_SCAN_TYPE_VERSION, REGISTRY_POLICY_SCOPE, BLOB_MOUNTING]")
}

func (g *Registry) setting(ctx context.Context, account, region, name string) (string, error) {
	value := settingValues[name][0]
	err := g.db.Row(ctx, `SELECT value FROM account_setting WHERE account = $1 AND region = $2 AND name = $3`, sql.Args(account, region, name), &value)
	if errors.Is(err, sql.ErrNoRows) {
		return value, nil
	}
	return value, err
}
