package policy

import (
	"net/netip"
	"strconv"
	"strings"
)

func (v *validator) conditions(n *node, path string, effect effect) {
	value := n.get("Condition")
	if value == nil {
		return
	}
	path += ".Condition"
	if value.kind != kindObject {
		v.refuse("DATA_TYPE_MISMATCH", path, value.start, `{"StringEquals": {"aws:SourceAccount": "…"}}`, "Condition must be an object, not %s.", value.kind)
		return
	}
	if len(value.members) == 0 {
		v.add(LevelSuggestion, "EMPTY_OBJECT_CONDITION", path, value.start, "remove it", "The Condition is empty.")
	}
	for i := range value.members {
		m := &value.members[i]
		path := join(path, m.key)
		if m.value.kind != kindObject {
			v.refuse("DATA_TYPE_MISMATCH", path, m.value.start, "", "The operator %s must hold an object of keys, not %s.", m.key, m.value.kind)
			continue
		}
		op := v.operator(m, path)
		if len(m.value.members) == 0 {
			v.add(LevelSuggestion, "EMPTY_OBJECT_CONDITION", path, m.value.start, "remove it", "The operator %s has no keys.", m.key)
		}
		for j := range m.value.members {
			entry := &m.value.members[j]
			path := join(path, entry.key)
			key := v.conditionKey(op, entry, path)
			v.conditionValues(op, key, entry, path)
			if op.qualifier == forAllValues && effect == allow && !hasNullCheck(value, entry.key) {
				v.add(LevelSecurityWarning, "FORALLVALUES_WITH_SINGLE_VALUED_KEY", path, entry.start, `add "Null": {"`+entry.key+`": "false"}`,
					"ForAllValues is true of a request without the key %s: it allows more than it seems.", entry.key)
			}
			if strings.EqualFold(entry.key, "aws:VpcSourceIp") && !hasKey(value, "aws:sourcevpc") && !hasKey(value, "aws:sourcevpce") {
				v.add(LevelSecurityWarning, "MISSING_PAIRED_CONDITION_KEYS", path, entry.start, "add a condition on aws:SourceVpc or aws:SourceVpce", "Addresses of a VPC mean nothing without the VPC.")
			}
		}
	}
}

func hasNullCheck(conditions *node, key string) bool {
	for i := range conditions.members {
		if m := &conditions.members[i]; strings.EqualFold(m.key, "Null") {
			for j := range m.value.members {
				if strings.EqualFold(m.value.members[j].key, key) {
					return true
				}
			}
		}
	}
	return false
}

func hasKey(conditions *node, key string) bool {
	for i := range conditions.members {
		for j := range conditions.members[i].value.members {
			if strings.EqualFold(conditions.members[i].value.members[j].key, key) {
				return true
			}
		}
	}
	return false
}

func (v *validator) operator(m *member, path string) operator {
	op := parseOperator(m.key)
	refuses := len(m.value.members) > 0 // AWS ignores an operator that holds nothing
	switch {
	case op.comparison == unknownOperator && strings.HasSuffix(strings.ToLower(m.key), "nullifexists"):
		v.refuseIf(v.strict(), "NULL_WITH_IF_EXISTS", path, m.start, "write Null", "Null itself tests whether a key exists: it takes no IfExists.")
	case op.comparison == unknownOperator:
		v.refuseIf(refuses, "INVALID_CONDITION_OPERATOR", path, m.start, v.operatorHint(m.key), "The condition operator %s does not exist.", m.key)
	case op.canonical != m.key:
		v.refuseIf(refuses, "INVALID_CONDITION_OPERATOR", path, m.start, "write "+op.canonical, "The condition operator %s is spelt %s.", m.key, op.canonical)
	case op.comparison == null && op.qualifier != single:
		v.add(LevelSuggestion, "NULL_WITH_QUALIFIER", path, m.start, "write Null", "Null needs no set operator.")
	}
	return op
}

func (v *validator) operatorHint(name string) string {
	prefix, rest, ok := strings.Cut(name, ":")
	if !ok {
		prefix, rest = "", name
	} else if prefix = v.known.nearest(prefix, []string{"ForAllValues", "ForAnyValue"}); prefix != "" {
		prefix += ":"
	}
	suffix := ""
	if cut, ok := strings.CutSuffix(rest, "IfExists"); ok {
		rest, suffix = cut, "IfExists"
	}
	var names []string
	for _, op := range baseOperators() {
		names = append(names, op.canonical)
	}
	if near := v.known.nearest(rest, names); near != "" {
		return "did you mean " + prefix + near + suffix + "?"
	}
	return ""
}

// conditionKey checks the name of a key and returns what is known of it.
func (v *validator) conditionKey(op operator, m *member, path string) conditionKey {
	unknown := conditionKey{}
	// Keys of identity providers hold dots and slashes before their colon; the service of all others ends at the first one.
	service, rest, ok := strings.Cut(strings.ToLower(m.key), ":")
	if !ok || service == "" || rest == "" || strings.ContainsAny(m.key, " \t\n") && !strings.Contains(m.key, "/") {
		v.add(LevelError, "INVALID_CONDITION_KEY_FORMAT", path, m.start, "service:key, as aws:SourceAccount", "The condition key %q is not valid.", m.key)
		return unknown
	}
	name, tag, hasTag := strings.Cut(service+":"+rest, "/")
	key, known := globalKey(name)
	if service != "aws" {
		whole := false
		if key, known, whole = serviceKey(service, name); !whole {
			return key
		}
	}
	switch {
	case !known && service == "aws":
		v.add(LevelError, "INVALID_GLOBAL_CONDITION_KEY", path, m.start, v.known.didYouMean(m.key, globalNames()), "The global condition key %s does not exist.", m.key)
		return unknown
	case !known:
		v.add(LevelError, "INVALID_SERVICE_CONDITION_KEY", path, m.start, "", "The service %s has no condition key %s.", service, m.key)
		return unknown
	case key.tag && (!hasTag || tag == ""):
		v.add(LevelError, "MISSING_TAG_KEY_IN_CONDITION", path, m.start, m.key+"/TAG", "The condition key %s names no tag.", m.key)
	}
	if key.newer != "" {
		v.add(LevelWarning, "DEPRECATED_GLOBAL_CONDITION_KEY", path, m.start, "write "+key.newer, "The condition key %s has given way to %s.", m.key, key.newer)
	}
	switch {
	case key.multi && op.qualifier == single && op.comparison != null:
		v.add(LevelError, "MISSING_QUALIFIER", path, m.start, "write ForAnyValue:"+op.canonical, "The key %s has several values: without ForAnyValue or ForAllValues the condition is never true.", m.key)
	case !key.multi && op.qualifier == forAllValues:
		v.add(LevelSecurityWarning, "FORALLVALUES_WITH_SINGLE_VALUED_KEY", path, m.start, "remove ForAllValues:", "ForAllValues with the single-valued key %s is true where the key is absent.", m.key)
	}
	if !key.kind.accepts(op.comparison) {
		v.add(LevelWarning, "TYPE_MISMATCH_"+op.comparison.name(), path, m.start, "", "The operator %s does not compare what the key %s holds.", op.canonical, m.key)
	}
	return key
}

func globalNames() []string {
	return []string{
		"aws:CurrentTime", "aws:EpochTime", "aws:TokenIssueTime", "aws:MultiFactorAuthPresent", "aws:MultiFactorAuthAge", "aws:PrincipalArn", "aws:PrincipalAccount",
		"aws:PrincipalType", "aws:PrincipalOrgID", "aws:PrincipalOrgPaths", "aws:PrincipalTag", "aws:PrincipalIsAWSService", "aws:PrincipalServiceName", "aws:userid",
		"aws:username", "aws:SourceArn", "aws:SourceAccount", "aws:SourceOrgID", "aws:SourceOrgPaths", "aws:ResourceAccount", "aws:ResourceOrgID", "aws:ResourceOrgPaths",
		"aws:ResourceTag", "aws:RequestTag", "aws:TagKeys", "aws:RequestedRegion", "aws:SecureTransport", "aws:SourceIp", "aws:VpcSourceIp", "aws:SourceVpc",
		"aws:SourceVpce", "aws:UserAgent", "aws:Referer", "aws:SourceIdentity", "aws:FederatedProvider", "aws:ViaAWSService", "aws:CalledVia", "aws:CalledViaFirst", "aws:CalledViaLast", "aws:PrincipalServiceNamesList",
	}
}

func (v *validator) conditionValues(op operator, key conditionKey, m *member, path string) {
	items := m.value.list()
	if m.value.kind == kindArray && len(items) == 0 {
		v.add(LevelSuggestion, "EMPTY_ARRAY_CONDITION", path, m.value.start, "", "The key %s has no values: the condition is never true, or always when negated.", m.key)
	}
	if op.comparison == boolEquals && len(items) > 1 {
		v.add(LevelError, "INVALID_CONDITION_MULTIPLE_BOOLEAN", path, m.value.start, "keep one value", "Bool takes one value.")
	}
	switch op.comparison {
	case numericLess, numericLessEquals, numericGreater, numericGreaterEquals, dateLess, dateLessEquals, dateGreater, dateGreaterEquals:
		if len(items) > 1 {
			v.add(LevelSuggestion, "REDUNDANT_CONDITION_VALUE_NUM", path, m.value.start, "keep one value", "Of several limits only one counts.")
		}
	}
	for i := range items {
		inside := path
		if m.value.kind == kindArray {
			inside += "[" + strconv.Itoa(i) + "]"
		}
		if item := &items[i]; item.scalar() {
			v.conditionValue(op, m, item, inside)
		} else {
			v.refuse("DATA_TYPE_MISMATCH", inside, item.start, "", "A value of a condition must be a string, number or boolean, not %s.", item.kind)
		}
	}
}

func (v *validator) conditionValue(op operator, m *member, n *node, path string) {
	if strings.Contains(n.text, "${") {
		switch op.comparison {
		case stringEquals, stringEqualsIgnoreCase, stringLike, arnLike:
			v.checkVariables(n, path)
		case unknownOperator:
		default:
			v.add(LevelError, "INVALID_VARIABLE_FOR_OPERATOR", path, n.start, "", "Policy variables are not substituted under %s.", op.canonical)
			return
		}
	}
	o := compileOperand(op.comparison, n.text, v.variables)
	if !o.valid {
		switch op.comparison {
		case dateEquals, dateLess, dateLessEquals, dateGreater, dateGreaterEquals:
			level := LevelWarning
			if v.strict() {
				level = LevelError
			}
			v.finding(v.strict(), level, "INVALID_DATE_VALUE", path, n.start, "2026-01-31T23:59:59Z", "The value %q is no date: the condition is never true.", n.text)
		default:
			v.refuseIf(v.strict(), "INVALID_CONDITION_DATA_TYPE", path, n.start, valueHint(op.comparison), "The value %q is not what %s compares.", n.text, op.canonical)
		}
		return
	}
	switch op.comparison {
	case stringEquals, stringEqualsIgnoreCase:
		if plain := stripVariables(n.text); strings.ContainsAny(plain, "*?") {
			hint := strings.Replace(strings.Replace(op.canonical, "EqualsIgnoreCase", "Like", 1), "Equals", "Like", 1)
			v.add(LevelWarning, "WILDCARD_WITHOUT_LIKE_OPERATOR", path, n.start, "write "+hint, "Under %s the characters * and ? in %q are no wildcards.", op.canonical, n.text)
		}
	case ipAddress:
		prefix, err := netip.ParsePrefix(n.text)
		if err == nil && prefix.Masked() != prefix {
			v.add(LevelSuggestion, "IMPROVE_IP_RANGE", path, n.start, "write "+prefix.Masked().String(), "The range %s has bits set beyond its length.", n.text)
		}
		if strings.EqualFold(m.key, "aws:SourceIp") && o.network.Addr().IsPrivate() {
			v.add(LevelSuggestion, "PRIVATE_IP_ADDRESS", path, n.start, "", "The range %s is private: only callers in the same network are seen with such addresses.", n.text)
		}
	}
}

// stripVariables removes ${…}: ${*} is no wildcard.
func stripVariables(s string) string {
	for {
		before, after, ok := strings.Cut(s, "${")
		if !ok {
			return s
		}
		_, rest, ok := strings.Cut(after, "}")
		if !ok {
			return s
		}
		s = before + rest
	}
}

func valueHint(c comparison) string {
	switch c {
	case boolEquals, null:
		return `"true" or "false"`
	case ipAddress:
		return "203.0.113.0/24"
	case arnLike:
		return "arn:partition:service:region:account:resource, each part may hold * and ?"
	case binaryEquals:
		return "base64"
	}
	return ""
}
