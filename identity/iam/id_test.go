package iam

import "testing"

// IAM-1, STS-11: ids have their form, and an access key tells its account; a key id that berth never gave tells none.
func TestIDs_IAM1(t *testing.T) {
	for range 1000 {
		account := newAccountID()
		for _, prefix := range []string{longTermPrefix, temporaryPrefix} {
			id := newAccessKeyID(prefix, account)
			if got, ok := accountOfKey(id); len(id) != 20 || !ok || got != account {
				t.Fatalf("%s of %s tells %s, %v", id, account, got, ok)
			}
		}
	}
	for _, id := range []string{"", "AKIA", "AKIAIOSFODNN7EXAMPLE", "AIDA2222222222222222", "AKIA777777777777777a", "AKIA7777777777777777", "ASIA________________"} {
		if got, ok := accountOfKey(id); ok {
			t.Errorf("%q tells %s", id, got)
		}
	}
	if id := newAccessKeyID(longTermPrefix, "000000000001"); id == "" {
		t.Error("an account with leading zeros")
	} else if got, _ := accountOfKey(id); got != "000000000001" {
		t.Errorf("it tells %s", got)
	}
	if id := newID(userPrefix); len(id) != 21 {
		t.Error(id)
	}
	if s := newSecret(); len(s) != 40 {
		t.Error(s)
	}
}

// H83: a tag whose key only looks alike to Unicode's folding does not stand for another; ASCII letters do without regard to case (IAMP-1).
func TestTagsFoldByASCII(t *testing.T) {
	tags := map[string]string{"Stack": "dev", "\u017ftack": "prod"}
	if got := tagValue(tags, "stack"); got.One != "dev" {
		t.Errorf("stack is %q", got.One)
	}
}
