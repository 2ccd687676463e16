package ecr

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/berth-registry/berth/fault"
)

// Every fault that these operations can meet has a name on this wire, and none but ServerException is answered as anything else than 400 (API-4, API-5).
func TestEveryFaultHasAnException_API4_API5(t *testing.T) {
	service, err := Service(&API{})
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range fault.Codes(fault.Callers, fault.Requests, fault.Repositories, fault.Images) {
		err := fault.New(code, "what went wrong")
		if !service.Names(err) {
			t.Errorf("%s has no exception", code)
			continue
		}
		w := httptest.NewRecorder()
		service.WriteError(w, err, "id")
		status := http.StatusBadRequest
		if service.WireCode(err) == "ServerException" {
			status = http.StatusInternalServerError
		}
		if w.Code != status || !strings.Contains(w.Body.String(), `"message":"what went wrong"`) {
			t.Errorf("%s: %d %s, want %d", code, w.Code, w.Body, status)
		}
	}
	if code := service.WireCode(fault.New(fault.NoSuchEntity, "x")); code != "ServerException" {
		t.Errorf("a fault of other doors is answered as %s", code)
	}
}
