package ecr

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/berth-registry/berth/fault"
)

// Every fault has a name on this wire, and none but ServerException is answered as anything else than 400 (API-4, API-5).
func TestEveryFaultHasAnException_API4_API5(t *testing.T) {
	table := exceptions()
	service, err := Service(&API{})
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range fault.Codes() {
		name, ok := table[code]
		if !ok {
			t.Errorf("%s has no exception", code)
			continue
		}
		delete(table, code)
		w := httptest.NewRecorder()
		service.WriteError(w, fault.New(code, "what went wrong"), "id")
		status := http.StatusBadRequest
		if name == "ServerException" {
			status = http.StatusInternalServerError
		}
		if w.Code != status || !strings.Contains(w.Body.String(), `"__type":"`+name+`"`) {
			t.Errorf("%s: %d %s, want %d %s", code, w.Code, w.Body, status, name)
		}
	}
	for code := range table {
		t.Errorf("%s is no code", code)
	}
}
