// Package operator is the door for those who run an installation: a small service of berth's own on the AWS wire ("berth", awsJson1.1), signed like any
// other, so that `berth account create` and `berth audit` work with the caller's AWS credentials against a running server.
//
// Its actions (berth:CreateAccount …) are on no resource and belong to the first account of the installation: identity policies of that account grant them,
// and callers of other accounts have nobody who could. Those that tell an account of what is its own (berth:Explain, berth:LookUpAudit, berth:WhoCan) are given by
// each account to its own users; so are those that are about a repository (berth:DescribeImageGraph), whose resource is the repository's, or about all of a registry (berth:ListRepositories). What
// protects images from lifecycle policies (berth:PutInventory, berth:PutLifecycleProtection …) each account sets for its own registry.
package operator

import (
	"context"
	"sync"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/awswire"
	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/audit"
)

// API answers the operator's calls.
type API struct {
	Directory *iam.Directory
	Registry  *registry.Registry
	// Logs are the audit logs of the installation: of its identities, and of the registry when that has a database of its own.
	Logs []*audit.Log
	// Pages seals the tokens of lists, so that a token continues only the list that it came from (H55).
	Pages *awswire.Pages

	capturing sync.Mutex // held while a profile is captured: the runtime makes one at a time
}

// mostPasswords is how many passwords are checked at a time: anybody may ask for it, and each takes memory.
const mostPasswords = 16

// Service binds a to the service model.
func Service(a *API) (*awswire.Service, error) {
	model, err := awswire.Load("berth")
	if err != nil {
		return nil, err
	}
	return awswire.Bind(model, a, exceptions(), awswire.Reaches(awswire.Regionless), awswire.UnsignedAtOnce(mostPasswords))
}

// authorize asks for an action of the operator's.
func (a *API) authorize(ctx context.Context, action string) error {
	first, err := a.Directory.FirstAccount(ctx)
	if err != nil {
		return err
	}
	return a.Directory.Authorize(ctx, action, &iam.Resource{ARN: "*", Account: first.ID})
}

// list begins the list of an operation, or goes on with it. what names the filters: a token is good for the caller, the operation and the filters that it was
// made for (H55). The fault is InvalidInput.
func (a *API) list(ctx context.Context, token *string, operation string, what ...string) (awswire.List, error) {
	list, err := a.Pages.Begin(token, append([]string{iam.From(ctx).CallerID(), operation}, what...)...)
	if err != nil {
		err = fault.Wrap(err, fault.InvalidInput, "nextToken is not a token of this list")
	}
	return list, err
}

// Account is an account, as the wire shows it.
type Account struct {
	Id        *string //nolint:revive,staticcheck // the codec finds fields by the model's member names
	Name      *string
	CreatedAt *time.Time
}

func show(account *iam.Account) Account {
	return Account{&account.ID, &account.Name, &account.Created}
}

// AccessKey is a new key. Its secret is told this once.
type AccessKey struct {
	AccessKeyId     *string //nolint:revive,staticcheck // see Account
	SecretAccessKey *string
	UserName        *string
}
