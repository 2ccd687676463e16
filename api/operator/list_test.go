package operator_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/berth-registry/berth/berthtest"
)

// Lists of accounts and of services come page by page, each entry once; a token continues the list of the caller that it was given to, and nothing else: neither a
// forged one nor a bare name is taken, nor one of another list (H55).
func TestListsArePaged_H55(t *testing.T) {
	s := start(t)
	root := s.Root(t)
	accounts, services := []string{first}, []string{}
	for i := range 6 {
		accounts = append(accounts, s.Account(t, fmt.Sprintf("22222222222%d", i)).ID)
		name := fmt.Sprintf("ci%d.example.com", i)
		if refused, message := s.call(t, root, "CreateService", `{"name":"`+name+`"}`, &struct{}{}); refused != "" {
			t.Fatal(refused, message)
		}
		services = append(services, name)
	}
	tokens := map[string]string{}
	for operation, want := range map[string][]string{"ListAccounts": accounts, "ListServices": services} {
		got, token := s.list(t, root, operation)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", operation, got, want)
		}
		tokens[operation] = token
		for _, forged := range []string{"x" + token[1:], want[2], ""} {
			if refused, _ := s.call(t, root, operation, `{"nextToken":"`+forged+`"}`, &struct{}{}); refused != "InvalidInputException" && refused != "ValidationException" {
				t.Errorf("%s goes on with the token %q: %s", operation, forged, refused)
			}
		}
		if refused, _ := s.call(t, root, operation, `{"maxResults":1001}`, &struct{}{}); refused != "ValidationException" {
			t.Errorf("%s: a large page: %s", operation, refused)
		}
	}
	if refused, _ := s.call(t, root, "ListServices", `{"nextToken":"`+tokens["ListAccounts"]+`"}`, &struct{}{}); refused != "InvalidInputException" {
		t.Errorf("a token of another list: %s", refused)
	}
}

// list reads a list in pages of three, and returns the last token, too.
func (s site) list(t *testing.T, who *berthtest.Caller, operation string) (names []string, last string) {
	t.Helper()
	in := `{"maxResults":3}`
	for {
		var page struct {
			Accounts  []struct{ ID string }
			Services  []struct{ Name string }
			NextToken string
		}
		if refused, message := s.call(t, who, operation, in, &page); refused != "" {
			t.Fatal(refused, message)
		}
		if n := len(page.Accounts) + len(page.Services); n > 3 {
			t.Errorf("a page of %d", n)
		}
		for _, a := range page.Accounts {
			names = append(names, a.ID)
		}
		for _, s := range page.Services {
			names = append(names, s.Name)
		}
		if page.NextToken == "" {
			return names, last
		}
		last = page.NextToken
		in = `{"maxResults":3,"nextToken":"` + last + `"}`
	}
}
