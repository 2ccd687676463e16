// Package iam is the door of the IAM API: the operations of the service model "iam" over the query protocol (STS-1).
//
// It decides nothing. Each operation is one file with one method, named as the model names it, that takes and returns the shapes of the AWS SDK and asks
// the directory, which authorises the caller itself. awswire finds the methods by name; errors.go names each fault on this wire.
package iam

import (
	directory "github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/awswire"
	language "github.com/berth-registry/berth/lang/policy"
)

// API answers the operations of IAM. Its exported methods are operations and nothing else.
type API struct {
	Directory *directory.Directory
	// Pages seals the markers of lists, so that a marker continues only the list that it came from (H55).
	Pages *awswire.Pages
}

// Service binds a to the service model, so that the front door can dispatch to it. It fails when a method and the model do not fit each other.
func Service(a *API) (*awswire.Service, error) {
	model, err := awswire.Load("iam")
	if err != nil {
		return nil, err
	}
	return awswire.Bind(model, a, exceptions(), awswire.Reaches(awswire.Global), awswire.Remark("policyDocumentType", language.RemarkUnwritable))
}
