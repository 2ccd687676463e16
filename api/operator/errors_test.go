package operator

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/berth-registry/berth/fault"
)

// Every fault that these operations can meet has a name on this wire, and no fault at all tells its cause.
func TestEveryFaultHasAnException_API5(t *testing.T) {
	service, err := Service(&API{})
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range append(fault.Codes(fault.Callers, fault.Requests), fault.NoSuchEntity, fault.EntityAlreadyExists, fault.InvalidInput, fault.PasswordPolicyViolation,
		fault.NameInvalid, fault.TagInvalid, fault.DigestInvalid, fault.RepositoryNotFound, fault.ImageNotFound) {
		if !service.Names(fault.New(code, "x")) {
			t.Errorf("%s has no exception", code)
		}
	}
	for _, code := range fault.Codes() {
		w := httptest.NewRecorder()
		service.WriteError(w, fault.Wrap(errors.New("a secret cause"), code, "what went wrong"), "id")
		if w.Code < 400 || !strings.Contains(w.Body.String(), `"__type":"`) || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: %d %s", code, w.Code, w.Body)
		}
	}
}
