package policy

import (
	"fmt"
	"strings"

	"github.com/berth-registry/berth/lang/arn"
)

// PrincipalType says what kind of caller a request has (IAMP-1.1).
type PrincipalType uint8

// The kinds of callers.
const (
	Root          PrincipalType = iota // the root user of an account
	User                               // an IAM user, also through GetSessionToken
	AssumedRole                        // a session of a role
	FederatedUser                      // a session of GetFederationToken
	Service                            // a service principal calling directly
	WebIdentity                        // the bearer of a token of an identity provider, who assumes a role with it
	Anonymous                          // nobody signed
)

// String is the kind's name.
func (t PrincipalType) String() string {
	return [...]string{"Root", "User", "AssumedRole", "FederatedUser", "Service", "WebIdentity", "Anonymous"}[t]
}

// MarshalText writes the name.
func (t PrincipalType) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (t *PrincipalType) UnmarshalText(text []byte) error {
	for *t = Root; *t <= Anonymous; *t++ {
		if t.String() == string(text) {
			return nil
		}
	}
	return fmt.Errorf("%q is no kind of principal", text)
}

// Principal is the caller of a request (IAMP-1.1). It encodes as JSON.
type Principal struct {
	Type PrincipalType `json:"type"`
	// ARN is the ARN of the request: of the user, assumed-role session, root or federated user; for a Service its principal name.
	ARN string `json:"arn,omitempty"`
	// Account is twelve digits; "" for Service and Anonymous.
	Account string `json:"account,omitempty"`
	// ID is the unique id of the user or role (AIDA…, AROA…), which stored policies hold instead of ARNs (IAMP-2.1).
	ID string `json:"id,omitempty"`
	// UserID is, for an AssumedRole or FederatedUser, what aws:userid has: AROA…:SESSION, or ACCOUNT:NAME. For all others it follows.
	UserID string `json:"userId,omitempty"`
	// RoleARN is, for an AssumedRole, the ARN of the role with its path.
	RoleARN string `json:"roleArn,omitempty"`
	// UserARN is, for a FederatedUser, the user that made the session.
	UserARN string `json:"userArn,omitempty"`
	// ServiceLinked: a session of a service-linked role, which SCPs and RCPs do not bind (IAMP-3).
	ServiceLinked bool `json:"serviceLinked,omitempty"`
	// ServiceNames are, for a Service, all its names: aws:PrincipalServiceNamesList.
	ServiceNames []string `json:"serviceNames,omitempty"`
	// Provider is, for a WebIdentity, the value that Federated must have.
	Provider string `json:"provider,omitempty"`
}

// class says how closely a Principal element names the caller; the better, the less else is needed (IAMP-2.1, IAMP-3).
type class uint8

const (
	unnamed   class = iota
	byAccount       // the account, or its root
	viaRole         // the role of the session, or the user who made the federated session
	direct          // the caller itself, or everyone
)

func (c class) String() string { return [...]string{"", "account", "via_role", "direct"}[c] }

type principalKind uint8

const (
	nobody principalKind = iota
	everyone
	account     // text: account id
	userARN     // text: the ARN
	roleARN     // text: arn:PARTITION:sts::ACCOUNT:assumed-role/ , name: role name, role: arn:PARTITION:iam::ACCOUNT:role/
	sessionARN  // text: assumed-role or federated-user ARN
	uniqueID    // text: AIDA…, AROA…
	sessionID   // text: AROA…:SESSION
	serviceName // text: x.amazonaws.com
	provider    // text: Federated
)

// principalPattern is one compiled value of Principal or NotPrincipal.
type principalPattern struct {
	kind       principalKind
	text, name string
	role       string
	written    string
}

func compilePrincipals(n *node) []principalPattern {
	var out []principalPattern
	if n.kind == kindString {
		// AWS stores no other string than "*"; taken as {"AWS": …} it means what its author meant.
		v := compileAWS(n.text)
		v.written = n.text
		return append(out, v)
	}
	for i := range n.members {
		m := &n.members[i]
		for _, item := range m.value.list() {
			if item.kind != kindString && item.kind != kindNumber {
				continue
			}
			switch m.key {
			case "AWS":
				out = append(out, compileAWS(item.text))
			case "Service":
				out = append(out, principalPattern{kind: serviceName, text: item.text})
			case "Federated":
				out = append(out, principalPattern{kind: provider, text: item.text})
			default:
				continue
			}
			out[len(out)-1].written = item.text
		}
	}
	return out
}

func compileAWS(value string) principalPattern {
	if value == "*" {
		return principalPattern{kind: everyone}
	}
	if arn.IsAccount(value) {
		return principalPattern{kind: account, text: value}
	}
	if isUniqueID(value) {
		return principalPattern{kind: uniqueID, text: value}
	}
	if role, _, ok := strings.Cut(value, ":"); ok && isUniqueID(role) {
		return principalPattern{kind: sessionID, text: value}
	}
	a, err := arn.Parse(value)
	if err != nil {
		return principalPattern{}
	}
	class, name, _ := strings.Cut(a.Resource, "/")
	switch {
	case a.Service == "iam" && a.Resource == "root":
		return principalPattern{kind: account, text: a.Account}
	case a.Service == "iam" && class == "user":
		return principalPattern{kind: userARN, text: value}
	case a.Service == "iam" && class == "role" && name != "":
		// A session's ARN has no path: the role's name is the last segment (IAMP-2.1).
		return principalPattern{
			kind: roleARN,
			text: "arn:" + a.Partition + ":sts::" + a.Account + ":assumed-role/",
			name: name[strings.LastIndexByte(name, '/')+1:],
			role: "arn:" + a.Partition + ":iam::" + a.Account + ":role/",
		}
	case a.Service == "sts" && (class == "assumed-role" || class == "federated-user"):
		return principalPattern{kind: sessionARN, text: value}
	}
	return principalPattern{}
}

// isUniqueID reports whether s has the shape of the unique id of a user or a role (IAM-1).
func isUniqueID(s string) bool {
	if len(s) < 16 || !strings.HasPrefix(s, "AIDA") && !strings.HasPrefix(s, "AROA") {
		return false
	}
	for i := range len(s) {
		if (s[i] < 'A' || s[i] > 'Z') && (s[i] < '0' || s[i] > '9') {
			return false
		}
	}
	return true
}

// names returns how the value names p (IAMP-2.1).
func (v *principalPattern) names(p *Principal) class {
	switch v.kind {
	case everyone:
		return direct
	case account:
		if p.Account == v.text && p.Type <= FederatedUser {
			return byAccount
		}
	case userARN:
		switch {
		case p.Type == User && p.ARN == v.text:
			return direct
		case p.Type == FederatedUser && p.UserARN == v.text:
			return viaRole
		}
	case roleARN:
		if p.Type == AssumedRole && v.namesRole(p) {
			return viaRole
		}
	case sessionARN:
		if (p.Type == AssumedRole || p.Type == FederatedUser) && p.ARN == v.text {
			return direct
		}
	case sessionID:
		if p.Type == AssumedRole && p.UserID == v.text {
			return direct
		}
	case uniqueID:
		if p.ID == v.text {
			switch p.Type {
			case User:
				return direct
			case AssumedRole, FederatedUser:
				return viaRole
			}
		}
	case serviceName:
		if p.Type == Service && p.ARN == v.text {
			return direct
		}
	case provider:
		if p.Type == WebIdentity && p.Provider == v.text {
			return direct
		}
	}
	return unnamed
}

// namesRole compares the role's name with that of the session, or of the role where no session is known. Names of roles are unique without
// regard to case.
func (v *principalPattern) namesRole(p *Principal) bool {
	if session, ok := strings.CutPrefix(p.ARN, v.text); ok {
		slash := strings.IndexByte(session, '/')
		return slash >= 0 && equalFoldASCII(session[:slash], v.name)
	}
	role, ok := strings.CutPrefix(p.ARN, v.role)
	return ok && equalFoldASCII(role[strings.LastIndexByte(role, '/')+1:], v.name)
}

// principalClass returns how the statement's Principal or NotPrincipal names p; unnamed if the statement does not apply to p.
func (s *statement) principalClass(p *Principal, layer layerKind, hasBoundary bool) class {
	if !s.hasPrincipal && (layer == rcpLayer || layer == endpointLayer) {
		return direct // both know no other principal than everyone
	}
	if !s.hasPrincipal {
		return unnamed
	}
	best := unnamed
	for i := range s.principals {
		if best = max(best, s.principals[i].names(p)); best == direct {
			break
		}
	}
	if !s.notPrincipals {
		return best
	}
	// A Deny with NotPrincipal always hits a user or role that has a permissions boundary, whatever it lists (IAMP-2.1).
	if best == unnamed || s.effect == deny && hasBoundary && (p.Type == User || p.Type == AssumedRole) {
		return direct
	}
	return unnamed
}
