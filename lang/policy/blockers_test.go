package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// IAMP-3, IAMP-8: Blockers names the layers without which the others would grant the request, and none where nothing grants it.
func TestBlockers(t *testing.T) {
	me, mine := `{"AWS":"arn:aws:iam::111122223333:user/dev/ann"}`, `{"AWS":"111122223333"}`
	both := []string{allowAll, denyPull}
	for _, c := range []struct {
		caller string
		in     layered
		want   string
	}{
		{"user", layered{identity: []string{allowAll}}, ""},
		{"user", layered{identity: []string{allowAll}, scp: [][]string{{denyPull}}, rcp: [][]string{{denyPull}}}, "scp rcp"},
		{"user", layered{identity: []string{allowAll}, scp: [][]string{{nothing}}, boundary: []string{denyPull}}, "scp boundary"},
		{"user", layered{identity: []string{allowAll}, scp: [][]string{{denyPull}}, rcp: [][]string{{nothing}}, endpoint: []string{nothing}, boundary: []string{nothing}}, "scp rcp endpoint boundary"},
		{"user", layered{identity: []string{allowAll}, endpoint: []string{}, boundary: []string{}}, "endpoint boundary"},
		{"user", layered{resource: grantTo(me), identity: []string{denyPull}}, "identity"},
		{"user", layered{resource: grantTo(me), identity: both, scp: [][]string{{denyPull}}}, "scp identity"},
		{"user", layered{resource: grantTo(me), session: []string{denyPull}, boundary: []string{nothing}}, "session"},
		{"user", layered{identity: []string{allowAll}, resource: denyTo(mine)}, "resource"},
		{"user", layered{identity: []string{allowAll}, registry: `{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}`, boundary: []string{denyPull}}, "boundary registry"},
		{"session", layered{identity: []string{allowAll}, resource: denyTo(`{"AWS":"arn:aws:iam::111122223333:role/ci/builder"}`)}, "resource"},
		{"stranger", layered{identity: []string{allowAll}, resource: grantTo(`{"AWS":"777788889999"}`), rcp: [][]string{{denyPull}}}, "rcp"},
		{"stranger", layered{identity: []string{allowAll}, resource: grantTo(`{"AWS":"777788889999"}`), boundary: []string{nothing}}, "boundary"},
		{"service", layered{resource: grantTo(`{"Service":"codebuild.amazonaws.com"}`), rcp: [][]string{{denyPull}}}, "rcp"},
		{"anonymous", layered{resource: grantTo(`"*"`), endpoint: []string{}}, "endpoint"},

		// Nothing grants these: not even the Allow beside a Deny in the same layer.
		{"user", layered{}, ""},
		{"user", layered{scp: [][]string{{denyPull}}}, ""},
		{"user", layered{identity: []string{denyPull}}, ""},
		{"user", layered{identity: both}, ""},
		{"user", layered{identity: both, scp: [][]string{{denyPull}}, boundary: []string{denyPull}}, ""},
		{"user", layered{identity: []string{denyPull}, resource: grantTo(mine)}, ""},
		{"user", layered{identity: []string{allowAll}, session: []string{denyPull}}, ""},
		{"session", layered{session: []string{denyPull}, resource: grantTo(`{"AWS":"arn:aws:iam::111122223333:role/ci/builder"}`)}, ""},
		{"stranger", layered{identity: []string{allowAll}}, ""},
		{"stranger", layered{identity: []string{denyPull}, resource: grantTo(`{"AWS":"777788889999"}`)}, ""},
		{"stranger", layered{identity: []string{allowAll}, resource: denyTo(`{"AWS":"777788889999"}`)}, ""},
		{"stranger", layered{boundary: []string{denyPull}, resource: grantTo(`{"AWS":"777788889999"}`)}, ""},
	} {
		r := &Request{Principal: callers()[c.caller], Action: "ecr:BatchGetImage", Resource: repo, ResourceAccount: "111122223333"}
		var got []string
		for _, l := range Blockers(r, c.in.set()) {
			got = append(got, string(l))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s %+v: %v, want %s", c.caller, c.in, got, c.want)
		}
	}
}

// The owner's root user is never blocked by the policy that it may always replace: H84.
func TestBlockersOfRecovery(t *testing.T) {
	r := &Request{Principal: callers()["root"], Action: "ecr:SetRepositoryPolicy", Resource: repo}
	s := layered{resource: denyTo(`"*"`), scp: [][]string{{nothing}}}.set()
	if got := fmt.Sprint(Blockers(r, s)); got != "[scp]" {
		t.Error(got)
	}
}

// unblocks holds Blockers to its promise by the reference model: without the layers that it names the request is allowed, with any one of them it is
// not, and if it names none, then it is not the guard-rails.
func unblocks(t rapid.TB, r *Request, in layered, d Decision) {
	if in.boundary != nil && strings.Contains(in.resource+in.registry, "NotPrincipal") {
		return // a boundary makes a NotPrincipal deny (IAMP-2.1): without the one the other is gone too
	}
	blockers := Blockers(r, in.set())
	if len(blockers) > 0 && (d.Allowed || refDecide(r, in.without(blockers...)) != "allow") {
		t.Fatalf("%v block %+v by %+v with %+v", blockers, r, r.Principal, in)
	}
	for i, l := range blockers {
		others := slices.Delete(slices.Clone(blockers), i, i+1)
		if refDecide(r, in.without(others...)) == "allow" {
			t.Fatalf("%s does not block %+v by %+v with %+v", l, r, r.Principal, in)
		}
	}
	if guards := in.without(LayerSCP, LayerRCP, LayerEndpoint, LayerBoundary); len(blockers) == 0 && !d.Allowed && refDecide(r, guards) == "allow" {
		t.Fatalf("nothing blocks %+v by %+v with %+v", r, r.Principal, in)
	}
}

// without takes whole layers away.
func (l layered) without(layers ...Layer) layered {
	for _, layer := range layers {
		switch layer {
		case LayerSCP:
			l.scp = nil
		case LayerRCP:
			l.rcp = nil
		case LayerEndpoint:
			l.endpoint = nil
		case LayerBoundary:
			l.boundary = nil
		case LayerSession:
			l.session = nil
		case LayerIdentity:
			l.identity = nil
		case LayerRegistry:
			l.registry = ""
		default:
			l.resource = ""
		}
	}
	return l
}
