package registry

import (
	"context"
	"slices"

	"github.com/berth-registry/berth/fault"
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
func (g *Registry) Describe(ctx context.Context, account, region string) error {
	return g.authorize(ctx, "ecr:DescribeRegistry", account, region, nil)
}

// AccountSetting reads one setting of the account in region. The faults are AccessDenied and InvalidParameter.
func (g *Registry) AccountSetting(ctx context.Context, account, region, name string) (string, error) {
	if err := g.authorize(ctx, "ecr:GetAccountSetting", account, region, settingKeys(name)); err != nil {
		return "", err
	}
	if settingValues[name] == nil {
		return "", unknownSetting()
	}
	rules, err := g.rulesOf(ctx, account, region)
	if err != nil {
		return "", err
	}
	return rules.setting(name), nil
}

// PutAccountSetting changes one setting of the account in region. The faults are AccessDenied and InvalidParameter.
func (g *Registry) PutAccountSetting(ctx context.Context, account, region, name, value string) error {
	if err := g.authorize(ctx, "ecr:PutAccountSetting", account, region, settingKeys(name)); err != nil {
		return err
	}
	values := settingValues[name]
	if values == nil {
		return unknownSetting()
	}
	if !slices.Contains(values, value) {
		return fault.New(fault.InvalidParameter, "Invalid parameter at 'value' failed to satisfy constraint: '%s must be one of %v'", name, values)
	}
	return g.writeRules(ctx, account, func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT INTO account_setting (account, region, name, value) VALUES ($1, $2, $3, $4)
			ON CONFLICT (account, region, name) DO UPDATE SET value = excluded.value`, account, region, name, value)
		return err
	})
}

func settingKeys(name string) map[string]string { return map[string]string{"ecr:accountsetting": name} }

func unknownSetting() error {
	return invalid("name", "Member must satisfy enum value set: [BASIC_SCAN_TYPE_VERSION, REGISTRY_POLICY_SCOPE, BLOB_MOUNTING]")
}
