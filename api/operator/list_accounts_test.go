package operator_test

import (
	"fmt"
	"slices"
	"testing"
)

// A list of accounts comes page by page, each account once; a token continues this list of this caller and nothing else (H55).
func TestListAccountsIsPaged(t *testing.T) {
	s := start(t)
	root := s.Root(t)
	want := []string{first}
	for i := range 6 {
		want = append(want, s.Account(t, fmt.Sprintf("22222222222%d", i)).ID)
	}
	var got []string
	next := ""
	for {
		var page struct {
			Accounts  []struct{ ID string }
			NextToken string
		}
		in := `{"maxResults":3}`
		if next != "" {
			in = `{"maxResults":3,"nextToken":"` + next + `"}`
		}
		if name, message := s.call(t, root, "ListAccounts", in, &page); name != "" {
			t.Fatal(name, message)
		}
		if len(page.Accounts) > 3 {
			t.Errorf("a page of %d", len(page.Accounts))
		}
		for _, a := range page.Accounts {
			got = append(got, a.ID)
		}
		if page.NextToken == "" {
			break
		}
		next = page.NextToken
	}
	if !slices.Equal(got, want) {
		t.Errorf("accounts %v, want %v", got, want)
	}
	if name, message := s.call(t, root, "ListAccounts", `{"nextToken":"x`+next[1:]+`"}`, nil); name != "InvalidInputException" {
		t.Errorf("a forged token: %s %s", name, message)
	}
	if name, message := s.call(t, root, "ListAccounts", `{"maxResults":1001}`, nil); name == "" {
		t.Errorf("a large page: %s %s", name, message)
	}
}
