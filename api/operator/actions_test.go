package operator_test

import (
	"fmt"
	"testing"

	"github.com/berth-registry/berth/api/operator"
	"github.com/berth-registry/berth/lang/policy"
)

// Whoever writes a policy for operators is told of a misspelt action, so the list of actions must have every operation: IAMP-6.5.
func TestActionsAreKnown(t *testing.T) {
	service, err := operator.Service(&operator.API{})
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range service.Operations() {
		document := fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"berth:%s","Resource":"*"}}`, op.Name)
		for _, f := range policy.Validate([]byte(document), policy.Identity) {
			t.Errorf("berth:%s: %s %s", op.Name, f.Code, f.Message)
		}
	}
}
