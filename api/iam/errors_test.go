package iam

import (
	"testing"

	"github.com/berth-registry/berth/fault"
)

// Every fault that these operations can meet has a name on this wire, and those of IAM-11 have its codes.
func TestEveryFaultHasAnException_IAM11(t *testing.T) {
	service, err := Service(&API{})
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range fault.Codes(fault.Callers, fault.Requests, fault.Identities) {
		if !service.Names(fault.New(code, "x")) {
			t.Errorf("%s has no exception", code)
		}
	}
	for code, want := range map[fault.Code]string{
		fault.NoSuchEntity: "NoSuchEntity", fault.EntityAlreadyExists: "EntityAlreadyExists", fault.DeleteConflict: "DeleteConflict", fault.LimitExceeded: "LimitExceeded",
		fault.MalformedPolicyDocument: "MalformedPolicyDocument", fault.InvalidInput: "InvalidInput", fault.UnmodifiableEntity: "UnmodifiableEntity",
		fault.AccessDenied: "AccessDenied", fault.Validation: "ValidationError", fault.UnknownCredentials: "InvalidClientTokenId", fault.ExpiredCredentials: "ExpiredToken",
		fault.ImageNotFound: "ServiceFailure",
	} {
		if got := service.WireCode(fault.New(code, "x")); got != want {
			t.Errorf("%s goes out as %s, want %s", code, got, want)
		}
	}
}
