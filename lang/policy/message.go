package policy

import "strings"

// Message words a refusal as AWS does (IAMP-5): "User: ARN is not authorized to perform: ecr:BatchGetImage on resource: ARN because no
// identity-based policy allows the ecr:BatchGetImage action". The ARN of an explicitly denying policy follows only if caller and resource are in the
// same account or organization. An allowed decision has no message.
func (d Decision) Message(r *Request) string {
	if d.Allowed {
		return ""
	}
	var b strings.Builder
	b.WriteString("User: ")
	if r.Principal.ARN != "" {
		b.WriteString(r.Principal.ARN)
	} else {
		b.WriteString("anonymous")
	}
	b.WriteString(" is not authorized to perform: ")
	b.WriteString(r.Action)
	b.WriteString(" on resource: ")
	if r.Resource == "" {
		b.WriteString("*")
	} else {
		b.WriteString(r.Resource)
	}
	if d.Explicit || d.Layer == LayerSCP { // AWS words a missing Allow in SCPs as an explicit deny
		b.WriteString(" with an explicit deny in ")
		b.WriteString(d.Layer.withArticle())
		if d.Explicit && d.PolicyARN != "" && r.sameOrganization() {
			b.WriteString(": ")
			b.WriteString(d.PolicyARN)
		}
		return b.String()
	}
	b.WriteString(" because no ")
	b.WriteString(d.Layer.Noun())
	b.WriteString(" allows the ")
	b.WriteString(r.Action)
	b.WriteString(" action")
	return b.String()
}

// Noun is what AWS calls a policy of the layer: "resource-based policy" (IAMP-5).
func (l Layer) Noun() string {
	switch l {
	case LayerSCP:
		return "service control policy"
	case LayerRCP:
		return "resource control policy"
	case LayerResource, LayerRegistry:
		return "resource-based policy"
	case LayerTrust:
		return "role trust policy"
	case LayerBoundary:
		return "permissions boundary"
	case LayerSession:
		return "session policy"
	case LayerEndpoint:
		return "VPC endpoint policy"
	}
	return "identity-based policy"
}

func (l Layer) withArticle() string {
	switch l {
	case LayerTrust:
		return "the " + l.Noun()
	case LayerIdentity:
		return "an " + l.Noun()
	}
	return "a " + l.Noun()
}

// sameOrganization reports whether the caller may learn the ARN of a policy on the other side.
func (r *Request) sameOrganization() bool {
	if r.sameAccount() {
		return true
	}
	caller, owner := lookup(r.Context, "aws:principalorgid"), lookup(r.Context, "aws:resourceorgid")
	return caller.Present && owner.Present && caller.One != "" && caller.One == owner.One
}
