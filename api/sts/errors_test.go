package sts

import (
	"testing"

	"github.com/berth-registry/berth/fault"
)

// Every fault that these operations can meet has a name on this wire, and those of STS-8 and API-21 have their codes.
func TestEveryFaultHasAnException_STS8(t *testing.T) {
	service, err := Service(&API{})
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range fault.Codes(fault.Callers, fault.Requests, fault.Sessions) {
		if !service.Names(fault.New(code, "x")) {
			t.Errorf("%s has no exception", code)
		}
	}
	for code, want := range map[fault.Code]string{
		fault.AccessDenied: "AccessDenied", fault.Validation: "ValidationError", fault.MalformedPolicyDocument: "MalformedPolicyDocument",
		fault.PackedPolicyTooLarge: "PackedPolicyTooLarge", fault.InvalidInput: "InvalidParameterValue", fault.ExpiredCredentials: "ExpiredToken", fault.NoSuchEntity: "InvalidAuthorizationMessageException", fault.ImageNotFound: "InternalFailure",
	} {
		if got := service.WireCode(fault.New(code, "x")); got != want {
			t.Errorf("%s goes out as %s, want %s", code, got, want)
		}
	}
}
