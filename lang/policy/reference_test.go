package policy

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The reference model: IAMP-2 and IAMP-3 once more, slow and plain, on encoding/json, regexp, math/big, time and net. It shares nothing with
// the engine but the types of the request.

type refStatement = map[string]any

func refStatements(document string) []refStatement {
	var d map[string]any
	if err := json.Unmarshal([]byte(document), &d); err != nil {
		panic(err)
	}
	var out []refStatement
	for _, s := range refList(d["Statement"]) {
		m := s.(map[string]any)
		m["#variables"] = d["Version"] == "2012-10-17"
		out = append(out, m)
	}
	return out
}

func refList(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

var refVariable = regexp.MustCompile(`\$\{([^},]*)(?:, '([^']*)')?\}`)

// refPattern makes a regular expression of a value: variables are literal, * and ? are wildcards if so wanted.
func refPattern(value string, wildcards, variables bool, context values) (*regexp.Regexp, bool) {
	quote := func(s string) string {
		s = regexp.QuoteMeta(s)
		if wildcards {
			s = strings.ReplaceAll(strings.ReplaceAll(s, `\*`, `.*`), `\?`, `.`)
		}
		return s
	}
	expression, ok := "", true
	if variables {
		for {
			at := refVariable.FindStringSubmatchIndex(value)
			if at == nil {
				break
			}
			expression += quote(value[:at[0]])
			name := value[at[2]:at[3]]
			if v, found := context[strings.ToLower(name)]; slices.Contains([]string{"*", "?", "$"}, name) {
				expression += regexp.QuoteMeta(name)
			} else if found && v.Present && !v.Multi && (v.One != "" || at[4] < 0) {
				expression += regexp.QuoteMeta(v.One)
			} else if at[4] >= 0 {
				expression += regexp.QuoteMeta(value[at[4]:at[5]])
			} else {
				ok = false
			}
			value = value[at[1]:]
		}
	}
	return regexp.MustCompile(`(?s)^(?:` + expression + quote(value) + `)$`), ok
}

// refSubstitute replaces the variables of a value by what they stand for, with wildcards escaped.
func refSubstitute(value string, variables bool, context values) (string, bool) {
	if !variables {
		return value, true
	}
	ok := true
	out := refVariable.ReplaceAllStringFunc(value, func(text string) string {
		parts := refVariable.FindStringSubmatch(text)
		if slices.Contains([]string{"*", "?", "$"}, parts[1]) {
			return text
		}
		v := context[strings.ToLower(parts[1])]
		with := v.One
		if hasDefault := strings.Contains(text, ", '"); !v.Present || v.Multi || v.One == "" && hasDefault {
			if ok = ok && hasDefault; !hasDefault {
				return ""
			}
			with = parts[2]
		}
		return strings.NewReplacer("*", "${*}", "?", "${?}", "$", "${$}").Replace(with)
	})
	return out, ok
}

func refAction(s refStatement, request string) bool {
	one := func(value string) bool {
		if value == "*" {
			return true
		}
		service, name, ok := strings.Cut(strings.ToLower(value), ":")
		if !ok || service == "" || name == "" || strings.ContainsAny(value, " ,") {
			return false
		}
		wantService, wantName, _ := strings.Cut(strings.ToLower(request), ":")
		a, _ := refPattern(service, true, false, nil)
		b, _ := refPattern(name, true, false, nil)
		return a.MatchString(wantService) && b.MatchString(wantName)
	}
	if list, ok := s["Action"]; ok {
		return slices.ContainsFunc(refList(list), func(v any) bool { return one(v.(string)) })
	}
	list, ok := s["NotAction"]
	return ok && !slices.ContainsFunc(refList(list), func(v any) bool { return one(v.(string)) })
}

func refResource(s refStatement, request string, layer Layer, context values) bool {
	variables := s["#variables"] == true
	one := func(value string) (matched, unresolved bool) {
		if value == "*" {
			return true, false
		}
		if request == "*" {
			return false, false
		}
		have, want := strings.SplitN(request, ":", 6), strings.SplitN(value, ":", 6)
		if len(want) < 6 {
			expand := false
			switch layer {
			case LayerIdentity, LayerBoundary, LayerSession:
				expand = value != ""
			case LayerSCP:
				expand = strings.HasSuffix(value, "*")
			case LayerRCP:
			default:
				expand = strings.Contains(value, "*")
			}
			if !expand {
				return false, false
			}
			for len(want) < 6 {
				want = append(want, "*")
			}
		}
		for i := range want {
			p, ok := refPattern(want[i], true, variables && i == 5, context)
			if !p.MatchString(have[i]) && ok {
				return false, false
			}
			if !ok {
				return false, true
			}
		}
		return true, false
	}
	if list, ok := s["Resource"]; ok {
		return slices.ContainsFunc(refList(list), func(v any) bool { m, _ := one(v.(string)); return m })
	}
	if list, ok := s["NotResource"]; ok {
		return !slices.ContainsFunc(refList(list), func(v any) bool { m, u := one(v.(string)); return m || u })
	}
	return layer == LayerResource || layer == LayerTrust // what it hangs on
}

// refClass: 0 unnamed, 1 account, 2 via role or user, 3 direct.
func refClass(s refStatement, p *Principal, boundary bool) int {
	best := func(element any) int {
		if text, ok := element.(string); ok {
			element = map[string]any{"AWS": text}
		}
		class := 0
		for key, list := range element.(map[string]any) {
			for _, item := range refList(list) {
				v := item.(string)
				switch {
				case key == "AWS" && v == "*":
					class = 3
				case key == "Service" && p.Type == Service && p.ARN == v, key == "Federated" && p.Type == WebIdentity && p.Provider == v:
					class = 3
				case key != "AWS" || p.Type > FederatedUser:
				case p.Account == v || v == "arn:aws:iam::"+p.Account+":root":
					class = max(class, 1)
				case p.Type == User && (p.ARN == v || p.ID == v):
					class = 3
				case p.Type == FederatedUser && (p.UserARN == v || p.ID == v), p.Type == AssumedRole && (strings.EqualFold(p.RoleARN, v) || p.ID == v):
					class = max(class, 2)
				case (p.Type == AssumedRole || p.Type == FederatedUser) && p.ARN == v:
					class = 3
				}
			}
		}
		return class
	}
	if element, ok := s["Principal"]; ok {
		return best(element)
	}
	element, ok := s["NotPrincipal"]
	if !ok {
		return 0
	}
	if best(element) == 0 || s["Effect"] == "Deny" && boundary && (p.Type == User || p.Type == AssumedRole) {
		return 3
	}
	return 0
}

func refTime(s string) (time.Time, bool) {
	if seconds, err := strconv.ParseInt(s, 10, 64); err == nil && len(s) != 4 && s[0] != '+' {
		return time.Unix(seconds, 0), true
	}
	t, err := time.Parse(time.RFC3339, s)
	return t, err == nil
}

// refCompare compares one value of the request with one of the policy: matched, or ill-typed.
func refCompare(op, request, policy string, variables bool, context values) (matched, bad bool) {
	number := func(s string) *big.Rat {
		if r, ok := new(big.Rat).SetString(s); ok && regexp.MustCompile(`^[+-]?[0-9]*\.?[0-9]+$`).MatchString(s) {
			return r
		}
		return nil
	}
	switch {
	case op == "StringEquals":
		p, ok := refPattern(policy, false, variables, context)
		return ok && p.MatchString(request), false
	case op == "StringLike":
		p, ok := refPattern(policy, true, variables, context)
		return ok && p.MatchString(request), false
	case op == "StringEqualsIgnoreCase":
		p, ok := refPattern(policy, false, variables, context)
		return ok && regexp.MustCompile("(?i)"+p.String()).MatchString(request), false
	case strings.HasPrefix(op, "Numeric"):
		a, b := number(request), number(policy)
		if a == nil || b == nil {
			return false, true
		}
		return refOrder(strings.TrimPrefix(op, "Numeric"), a.Cmp(b)), false
	case strings.HasPrefix(op, "Date"):
		a, ok := refTime(request)
		b, fine := refTime(policy)
		if !ok || !fine {
			return false, true
		}
		return refOrder(strings.TrimPrefix(op, "Date"), a.Compare(b)), false
	case op == "BinaryEquals":
		a, err := base64.StdEncoding.DecodeString(request)
		b, wrong := base64.StdEncoding.DecodeString(policy)
		return err == nil && wrong == nil && bytes.Equal(a, b), err != nil || wrong != nil
	case op == "Bool":
		p, ok := refSubstitute(policy, variables, context)
		if !ok {
			return false, false
		}
		a, b := strings.ToLower(request), strings.ToLower(p)
		if p != policy {
			return a == b, a != "true" && a != "false"
		}
		isBool := func(s string) bool { return s == "true" || s == "false" }
		return a == b, !isBool(a) || !isBool(b)
	case op == "IpAddress":
		_, network, err := net.ParseCIDR(policy)
		address := net.ParseIP(request)
		if err != nil || address == nil {
			return false, true
		}
		return network.Contains(address), false
	case op == "Arn":
		have := strings.SplitN(request, ":", 6)
		if len(have) < 6 {
			return false, true
		}
		// What a variable stands for is literal: its wildcards are hidden from the patterns as ${*} and ${?}.
		whole, ok := refSubstitute(policy, variables, context)
		if !ok {
			return false, false
		}
		want := strings.SplitN(whole, ":", 6)
		if len(want) < 6 {
			return false, true
		}
		for i := range want {
			p, _ := refPattern(want[i], true, variables, nil)
			if !p.MatchString(have[i]) {
				return false, false
			}
		}
		return true, false
	}
	panic(op)
}

func refOrder(op string, order int) bool {
	return map[string]bool{"Equals": order == 0, "LessThan": order < 0, "LessThanEquals": order <= 0, "GreaterThan": order > 0, "GreaterThanEquals": order >= 0}[op]
}

func refCondition(operator, key string, policyValues []any, variables bool, context values) bool {
	v, ok := context[strings.ToLower(key)]
	present := ok && v.Present
	if operator == "Null" {
		return slices.Contains(policyValues, any(map[bool]string{true: "false", false: "true"}[present]))
	}
	set, rest, qualified := strings.Cut(operator, ":")
	if !qualified {
		set, rest = "", operator
	}
	rest, ifExists := strings.CutSuffix(rest, "IfExists")
	negated := strings.Contains(rest, "Not")
	base := strings.Replace(rest, "Not", "", 1)
	if strings.HasPrefix(base, "Arn") {
		base = "Arn"
	}
	// A value of the right type for each operator, to see whether the request's is.
	samples := map[string]string{"Binary": "QQ==", "Numeric": "1", "Date": "2026-01-02T03:04:05Z", "Bool": "true", "IpAddress": "0.0.0.0/0", "Arn": "arn:aws:s3:::b"}
	pass := func(one string) bool {
		any, bad := false, false
		for prefix, sample := range samples {
			if strings.HasPrefix(base, prefix) {
				if _, illTyped := refCompare(base, one, sample, false, nil); illTyped {
					return false
				}
			}
		}
		for _, p := range policyValues {
			m, b := refCompare(base, one, p.(string), variables, context)
			if b && !negated {
				m = false
			}
			any, bad = any || m, bad || b
			if m {
				break
			}
		}
		if negated {
			return !any && !bad
		}
		return any
	}
	list := v.Many
	if !v.Multi {
		list = []string{v.One}
	}
	if len(list) == 1 && list[0] == "" || !present {
		if set != "" {
			return set == "ForAllValues"
		}
	}
	switch set {
	case "ForAllValues":
		return !slices.ContainsFunc(list, func(s string) bool { return !pass(s) })
	case "ForAnyValue":
		return slices.ContainsFunc(list, pass)
	}
	if !present {
		return ifExists || negated
	}
	return !v.Multi && pass(v.One)
}

func refConditions(s refStatement, context values) bool {
	conditions, _ := s["Condition"].(map[string]any)
	for operator, keys := range conditions {
		for key, list := range keys.(map[string]any) {
			if !refCondition(operator, key, refList(list), s["#variables"] == true, context) {
				return false
			}
		}
	}
	return true
}

// refSays looks through documents: does any statement deny, and how well does the best Allow name the caller?
func refSays(r *Request, layer Layer, boundary bool, documents ...string) (denies bool, class int) {
	context, _ := r.Context.(values)
	for _, document := range documents {
		for _, s := range refStatements(document) {
			if !refAction(s, r.Action) || !refResource(s, r.Resource, layer, context) || !refConditions(s, context) {
				continue
			}
			named := 3
			switch layer {
			case LayerResource, LayerTrust, LayerRegistry:
				named = refClass(s, r.Principal, boundary)
			case LayerRCP, LayerEndpoint: // their only principal is everyone, who is meant where none is named
				if s["Principal"] != nil || s["NotPrincipal"] != nil {
					named = refClass(s, r.Principal, boundary)
				}
			}
			if named > 0 && s["Effect"] == "Deny" {
				denies = true
			} else if named > 0 && s["Effect"] == "Allow" {
				class = max(class, named)
			}
		}
	}
	return denies, class
}

// refDecide is IAMP-3, step by step. It answers "allow", "deny" or "explicit".
func refDecide(r *Request, in layered) string {
	p := r.Principal
	service, _, _ := strings.Cut(r.Action, ":")
	same := r.ResourceAccount == "" || r.ResourceAccount == p.Account
	if r.Action == "sts:GetCallerIdentity" && p.Type != Anonymous {
		return "allow" // step 0
	}
	needsAllow := r.Action != "sts:GetSessionToken"
	boundary := in.boundary != nil
	explicit, gated := false, true
	side := func(layer Layer, documents ...string) bool {
		denies, class := refSays(r, layer, boundary, documents...)
		explicit = explicit || denies
		return class > 0
	}
	ours := p.Type != Service && p.Type != Anonymous && p.Type != WebIdentity
	if ours && !p.ServiceLinked { // step 2
		for _, level := range in.scp {
			gated = side(LayerSCP, level...) && gated
		}
	}
	if !p.ServiceLinked && service != "iam" && service != "organizations" { // step 3: services of the RCP list, here ecr and sts
		for _, level := range in.rcp {
			gated = side(LayerRCP, level...) && gated
		}
	}
	// A registry password follows no resource policy, an action without resource that of no repository (IAMP-4.3).
	repository := in.resource != "" && !(service == "ecr" && r.Resource == "*")
	registry := in.registry != "" && r.Action != "ecr:GetAuthorizationToken"
	// The owner's root always gets at a repository policy (H84).
	recovers := p.Type == Root && same && slices.Contains([]string{"ecr:GetRepositoryPolicy", "ecr:SetRepositoryPolicy", "ecr:DeleteRepositoryPolicy"}, r.Action)
	class := 0
	for layer, document := range map[Layer]string{LayerResource: in.resource, LayerRegistry: in.registry} {
		if layer == LayerResource && repository || layer == LayerRegistry && registry {
			denies, c := refSays(r, layer, boundary, document)
			explicit, class = explicit || denies && !recovers, max(class, c)
		}
	}
	identity, bounded, session := !needsAllow, true, true
	if ours {
		identity = side(LayerIdentity, in.identity...) || p.Type == Root || !needsAllow
		if in.boundary != nil {
			bounded = side(LayerBoundary, in.boundary...) || p.Type == Root || !needsAllow
		}
		if in.session != nil {
			session = side(LayerSession, in.session...)
		}
	}
	if in.endpoint != nil {
		gated = side(LayerEndpoint, in.endpoint...) && gated
	}
	own := identity && bounded && session && !(p.Type == FederatedUser && in.session == nil)
	granted := false // step 4
	switch {
	case !ours:
		granted = class == 3
	case in.trust && p.Type == Root:
	case !same:
		granted = class > 0 && own
	case class == 3:
		granted = true
	case class == 2:
		granted = bounded && session
	case in.trust:
		granted = class > 0 && own
	default:
		granted = own
	}
	switch {
	case explicit:
		return "explicit"
	case gated && granted:
		return "allow"
	}
	return "deny"
}
