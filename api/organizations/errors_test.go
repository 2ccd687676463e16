package organizations

import (
	"testing"

	"github.com/berth-registry/berth/fault"
)

// Every fault that these operations can meet has a name on this wire; others are the service's own error (ORG-10 to ORG-20, ORG-26, API-5).
func TestEveryFaultHasAnException_ORG10_ORG20(t *testing.T) {
	service, err := Service(&API{})
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range append(fault.Codes(fault.Callers, fault.Requests, fault.Organizations), fault.InvalidInput, fault.MalformedPolicyDocument) {
		if !service.Names(fault.New(code, "x")) {
			t.Errorf("%s has no exception", code)
		}
	}
	for code, want := range map[fault.Code]string{
		fault.Validation: "InvalidInputException", fault.LimitExceeded: "ConstraintViolationException", fault.Throttled: "TooManyRequestsException",
		fault.Unavailable: "ConcurrentModificationException", fault.AccessDenied: "AccessDeniedException", fault.ImageNotFound: "ServiceException",
	} {
		if got := service.WireCode(fault.New(code, "x")); got != want {
			t.Errorf("%s goes out as %s, want %s", code, got, want)
		}
	}
}
