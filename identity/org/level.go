package org

import (
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/sql"
)

// attached reads and compiles what hangs on a root, unit or account: a level for each policy type that is enabled (ORG-27, ORG-28). A level on which nothing hangs
// is one too: it allows nothing. It is called once for each node and account after the organization's epoch has moved.
func (o *Organizations) attached(tx *sql.Tx, organization, target string) (level, error) {
	var out level
	var failed error
	err := tx.Rows(`SELECT t.type, COALESCE(a.policy, ''), COALESCE(p.name, ''), COALESCE(p.content, ''), g.management FROM org_policy_type t
		JOIN org_organization g ON g.id = t.organization
		LEFT JOIN org_attachment a ON a.target = $1 AND a.type = t.type AND a.organization = t.organization
		LEFT JOIN org_policy p ON p.id = a.policy
		WHERE t.organization = $2 AND t.type IN ($3, $4) ORDER BY t.type, a.policy`,
		sql.Args(target, organization, string(ServiceControlPolicy), string(ResourceControlPolicy)), func(row sql.Scanner) error {
			var t, id, name, content, management string
			if err := row.Scan(&t, &id, &name, &content, &management); err != nil {
				return err
			}
			l := &out.scp
			if PolicyType(t) == ResourceControlPolicy {
				l = &out.rcp
			}
			if *l == nil {
				*l = &policy.Level{Target: target}
			}
			if id == "" {
				return nil
			}
			a := policy.Attached{Name: name, ARN: policyARN(&Organization{ID: organization, Management: management}, PolicyType(t), id)}
			if aws := awsPolicy(id); aws != nil {
				a.Name, content = aws.Name, aws.Content
			}
			a.Policy, failed = o.compile(content)
			(*l).Policies = append((*l).Policies, a)
			return failed
		})
	return out, err
}

// compile parses a stored policy, or finds that it was parsed before. One that cannot be read may hold a Deny: nobody passes it.
func (o *Organizations) compile(content string) (*policy.Policy, error) {
	if p, ok := o.compiled.GetIfPresent(content); ok {
		return p, nil
	}
	p, err := policy.Parse([]byte(content))
	if err != nil {
		return nil, err
	}
	o.compiled.Set(content, p)
	return p, nil
}

// hangDefaults hangs on a new root, unit or account what every one has while the policy types are enabled (ORG-21).
func (o *Organizations) hangDefaults(tx *sql.Tx, organization, target string) error {
	for _, t := range []PolicyType{ServiceControlPolicy, ResourceControlPolicy} {
		if _, err := tx.Exec(`INSERT INTO org_attachment (target, type, policy, organization)
			SELECT $1, type, $2, organization FROM org_policy_type WHERE organization = $3 AND type = $4`, target, t.given(), organization, string(t)); err != nil {
			return err
		}
	}
	return nil
}

// clearTarget takes away what hangs on a unit that is deleted or an account that leaves: policies, tags, delegations.
func (o *Organizations) clearTarget(tx *sql.Tx, organization, target string) error {
	return tx.ExecAll(sql.Args(organization, target), `DELETE FROM org_attachment WHERE organization = $1 AND target = $2`,
		`DELETE FROM org_tag WHERE organization = $1 AND resource = $2`, `DELETE FROM org_delegation WHERE organization = $1 AND account = $2`)
}

// clearOrganization takes away all that an organization has besides its tree.
func (o *Organizations) clearOrganization(tx *sql.Tx, organization string) error {
	for _, table := range []string{"org_policy", "org_policy_type", "org_attachment", "org_tag", "org_resource_policy", "org_service_access", "org_delegation"} {
		if _, err := tx.Exec(`DELETE FROM `+table+` WHERE organization = $1`, organization); err != nil {
			return err
		}
	}
	return nil
}
