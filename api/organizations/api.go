// Package organizations is the door of the Organizations API: the operations of the service model "organizations" over awsJson1.1 (ORG-1).
//
// It decides nothing. Each operation is one file with one method, named as the model names it, that takes and returns the shapes of the AWS SDK and asks
// identity/org, which authorises the caller itself. awswire finds the methods by name; errors.go names each fault on this wire.
package organizations

import (
	"github.com/berth-registry/berth/identity/org"
	"github.com/berth-registry/berth/lang/awswire"
)

// API answers the operations of Organizations. Its exported methods are operations and nothing else.
type API struct {
	Organizations *org.Organizations
	// Pages seals the tokens of lists, so that a token continues only the list that it came from (H55).
	Pages *awswire.Pages
}

// Service binds a to the service model, so that the front door can dispatch to it. It fails when a method and the model do not fit each other.
func Service(a *API) (*awswire.Service, error) {
	model, err := awswire.Load("organizations")
	if err != nil {
		return nil, err
	}
	return awswire.Bind(model, a, exceptions(), awswire.Reaches(awswire.Global))
}
