package org_test

import (
	"testing"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/org"
)

// ORG-18, ORG-19: policies that are merged on their way down, by AWS's inheritance operators.
func TestEffectivePolicy_ORG18(t *testing.T) {
	each(t, func(w *world) {
		const kind = org.PolicyType("TAG_POLICY")
		m := w.as(manager)
		_, err := w.orgs.EffectivePolicy(m, kind, member)
		w.refused(err, fault.EffectivePolicyNotFound, "effective policy")
		w.enable(kind)
		w.policy(kind, "root", `{"tags":{"Team":{"tag_key":{"@@assign":"Team","@@operators_allowed_for_child_policies":["@@none"]},"tag_value":{"@@assign":["red","blue"]}}}}`, w.f.Root)
		w.policy(kind, "deep", `{"tags":{"Team":{"tag_key":{"@@assign":"TEAM"},"tag_value":{"@@append":["green"],"@@remove":["blue"]}},"Cost":{"tag_key":{"@@assign":"Cost"}}}}`, w.deep)
		want := `{"tags":{"Cost":{"tag_key":"Cost"},"Team":{"tag_key":"Team","tag_value":["red","green"]}}}`
		for _, ask := range []func() (*org.EffectivePolicy, error){
			func() (*org.EffectivePolicy, error) { return w.orgs.EffectivePolicy(m, kind, member) },
			func() (*org.EffectivePolicy, error) { return w.orgs.EffectivePolicy(w.as(member), kind, "") },
		} {
			p, err := ask()
			w.ok(err)
			if p.Content != want || p.Account != member || !p.Updated.Equal(w.now) {
				t.Errorf("got %+v, want %s", p, want)
			}
		}
		p, err := w.orgs.EffectivePolicy(m, kind, "")
		w.ok(err)
		if want := `{"tags":{"Team":{"tag_key":"Team","tag_value":["red","blue"]}}}`; p.Content != want || p.Account != manager {
			t.Errorf("got %+v, want %s", p, want)
		}
		_, err = w.orgs.EffectivePolicy(w.as(member), kind, manager)
		w.refused(err, fault.AccessDenied, noPermission)
		_, err = w.orgs.EffectivePolicy(m, kind, stranger)
		w.refused(err, fault.TargetNotFound, "")
		_, err = w.orgs.EffectivePolicy(m, org.ServiceControlPolicy, member)
		w.refused(err, fault.InvalidInput, "policy type")
	})
}
