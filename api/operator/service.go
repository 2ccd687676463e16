package operator

import (
	"context"
	"encoding/json"
	"time"

	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/policy"
)

// ServicePrincipal is a service principal, as the wire shows it.
type ServicePrincipal struct {
	Name       *string
	CreatedAt  *time.Time
	AccessKeys []ServiceKey
}

// ServiceKey is an access key of a service, without its secret.
type ServiceKey struct {
	AccessKeyId *string //nolint:revive,staticcheck // see Account
	CreatedAt   *time.Time
}

func showService(s *iam.Service) ServicePrincipal {
	out := ServicePrincipal{Name: &s.Name, CreatedAt: &s.Created, AccessKeys: make([]ServiceKey, len(s.Keys))}
	for i := range s.Keys {
		out.AccessKeys[i] = ServiceKey{&s.Keys[i].ID, &s.Keys[i].Created}
	}
	return out
}

func showKey(k *iam.AccessKey) AccessKey {
	return AccessKey{AccessKeyId: &k.ID, SecretAccessKey: &k.Secret}
}

// authorizeFor asks for an action of the operator's that a service may do for itself with its own access key. With a session it may not: the source that is
// sealed into it could be exchanged for another (H83).
func (a *API) authorizeFor(ctx context.Context, action, service string) error {
	first, err := a.Directory.FirstAccount(ctx)
	if err != nil {
		return err
	}
	name, err := json.Marshal(service) // quoted, whatever it is: a name must not become a part of the policy
	if err != nil {
		return err
	}
	own, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":{"Sid":"ItsOwnKey","Effect":"Allow","Principal":{"Service":` + string(name) + `},"Action":"` + action + `",` +
		`"Condition":{"Null":{"aws:TokenIssueTime":"true"}}}}`))
	if err != nil {
		return err
	}
	return a.Directory.Authorize(ctx, action, &iam.Resource{ARN: "*", Account: first.ID, Policy: &policy.Attached{Name: "rules of services", Policy: own}})
}
