package policy

import (
	"strings"

	"github.com/berth-registry/berth/lang/arn"
)

func (v *validator) principals(n *node, path string, effect effect) {
	value, not := either(n, "Principal", "NotPrincipal")
	name := "Principal"
	if not {
		name = "NotPrincipal"
	}
	if value == nil {
		if v.is(Repository, Registry, Trust, RCP, Endpoint) {
			v.refuse("MISSING_PRINCIPAL", path, n.start, `add "Principal"`, "The statement has no Principal: it would apply to nobody.")
		}
		return
	}
	path += "." + name
	if v.is(Identity, Session, Boundary, SCP) {
		v.refuse("UNSUPPORTED_PRINCIPAL", path, value.start, "remove it", "A policy of this type has no %s: it applies to those whom it is attached to.", name)
		return
	}
	if not {
		v.notPrincipal(value, path, effect)
	}
	switch {
	case value.kind == kindString && value.text == "*":
		if v.is(Trust) {
			v.refuse("ROLE_TRUST_POLICY_UNSUPPORTED_WILDCARD_IN_PRINCIPAL", path, value.start, `{"AWS": "*"} is possible, with conditions`, `The principal "*" is not allowed in a trust policy.`)
		}
		return
	case v.is(RCP, Endpoint):
		v.refuse("UNSUPPORTED_PRINCIPAL", path, value.start, `write "*", and conditions on aws:PrincipalArn`, `Principal must be "*" in a policy of this type.`)
		return
	case value.kind == kindString:
		v.refuseIf(!v.is(Any), "INVALID_PRINCIPAL_FORMAT", path, value.start, `{"AWS": "…"}`, `The principal %q is neither "*" nor an object.`, value.text)
		return
	case value.kind != kindObject:
		v.refuse("DATA_TYPE_MISMATCH", path, value.start, "", `%s must be "*" or an object, not %s.`, name, value.kind)
		return
	}
	if len(value.members) == 0 {
		if v.strict() {
			v.refuse("MISSING_PRINCIPAL", path, value.start, "", "%s is empty.", name)
		} else {
			v.add(LevelSuggestion, "EMPTY_OBJECT_PRINCIPAL", path, value.start, "", "%s is empty.", name)
		}
	}
	service := false
	for i := range value.members {
		m := &value.members[i]
		path := join(path, m.key)
		if m.value.kind == kindArray && len(m.value.items) == 0 {
			v.add(LevelSuggestion, "EMPTY_ARRAY_PRINCIPAL", path, m.value.start, "", "%s is empty.", m.key)
		}
		check := v.anyPrincipal
		switch m.key {
		case "AWS":
			check = v.awsPrincipal
		case "Service":
			check, service = v.servicePrincipal, true
		case "Federated":
			if v.is(Repository, Registry) {
				v.refuse("FEDERATED_PRINCIPAL_NOT_SUPPORTED", path, m.start, "allow the role that they assume", "Federated principals are not supported in policies of ECR.")
			}
		case "CanonicalUser":
			if v.strict() {
				v.refuse("UNSUPPORTED_PRINCIPAL", path, m.start, "", "Canonical users are not supported in policies of this type.")
			}
		default:
			v.refuse("INVALID_PRINCIPAL_KEY", path, m.start, v.known.didYouMean(m.key, []string{"AWS", "Service", "Federated"}), "The principal key %s is not valid.", m.key)
			continue
		}
		v.strings(&m.value, path, check)
		if v.is(Trust) && !not {
			v.actionForPrincipal(n, m, path)
		}
	}
	if service && effect == allow && !not && v.is(Repository, Registry, ResourceBased) && !restrictsSource(n) {
		v.add(LevelSecurityWarning, "RESTRICT_ACCESS_TO_SERVICE_PRINCIPAL", path, value.start, "add a condition on aws:SourceArn, aws:SourceAccount or aws:SourceOrgID",
			"Every customer of the service can make it call here.")
	}
}

func (v *validator) notPrincipal(value *node, path string, effect effect) {
	switch {
	case v.is(RCP):
		v.refuse("UNSUPPORTED_PRINCIPAL", path, value.start, `write "Principal": "*" and conditions`, "NotPrincipal is not allowed in a resource control policy.")
	case v.is(Trust):
		v.refuse("ROLE_TRUST_POLICY_SYNTAX_ERROR_NOTPRINCIPAL", path, value.start, "write Principal and conditions", "NotPrincipal is not allowed in a trust policy.")
	case effect == allow && v.is(Repository, Registry):
		v.refuse("ALLOW_WITH_NOT_PRINCIPAL", path, value.start, "name those who are allowed in Principal", "Allow with NotPrincipal allows everybody else.")
	case effect == allow:
		v.add(LevelSecurityWarning, "ALLOW_WITH_NOT_PRINCIPAL", path, value.start, "name those who are allowed in Principal", "Allow with NotPrincipal allows everybody else.")
	case effect == deny:
		v.denyNotPrincipal(value, path)
	}
}

// denyNotPrincipal: services of AWS may check the account, the role and the session one by one, so that all three must be listed.
func (v *validator) denyNotPrincipal(value *node, path string) {
	list := value.get("AWS")
	if list == nil {
		return
	}
	listed := map[string]bool{}
	for _, item := range list.list() {
		listed[item.text] = true
	}
	for _, item := range list.list() {
		text := item.text
		a, err := arn.Parse(text)
		if err != nil || a.Resource == "root" {
			continue
		}
		if !listed[a.Account] && !listed["arn:"+a.Partition+":iam::"+a.Account+":root"] {
			v.add(LevelWarning, "DENY_NOT_PRINCIPAL_INCOMPLETE", path, value.start, "list "+a.Account+" too, or use a condition on aws:PrincipalArn",
				"Deny with NotPrincipal that lists %s without its account may deny it all the same.", text)
			return
		}
	}
}

func (v *validator) anyPrincipal(n *node, path string) { v.noVariables(n, path) }

func (v *validator) awsPrincipal(n *node, path string) {
	v.noVariables(n, path)
	text := n.text
	if text == "*" || arn.IsAccount(text) || v.is(Any) {
		return
	}
	if isUniqueID(text) {
		code, what := "INVALID_ROLE_REFERENCE", "role"
		if strings.HasPrefix(text, "AIDA") {
			code, what = "INVALID_USER_REFERENCE", "user"
		}
		v.add(LevelWarning, code, path, n.start, "replace it by an ARN, or remove it", "%s is the id of a %s that has been deleted.", text, what)
		return
	}
	a, err := arn.Parse(text)
	if err != nil {
		hint := "an account id of twelve digits, or the ARN of a user, role or session"
		if text != "" && len(text) <= 14 && digits(strings.ReplaceAll(text, "-", "")) {
			hint = "an account id has twelve digits"
		}
		v.refuse("INVALID_PRINCIPAL_FORMAT", path, n.start, hint, "The principal %q is not valid.", text)
		return
	}
	class, name, _ := strings.Cut(a.Resource, "/")
	switch {
	case strings.ContainsAny(text, "*?"):
		v.refuse("UNSUPPORTED_WILDCARD_IN_PRINCIPAL", path, n.start, `write "*" and a condition on aws:PrincipalArn`, "The principal %q holds a wildcard; only a whole * is one.", text)
	case !validPartition(a.Partition):
		v.refuse("INVALID_PARTITION", path, n.start, v.known.didYouMean(a.Partition, []string{"aws", "aws-cn", "aws-us-gov"}), "The partition %q of the principal does not exist.", a.Partition)
	case !arn.IsAccount(a.Account):
		v.refuse("INVALID_ARN_ACCOUNT", path, n.start, "an account id has twelve digits", "The account %q of the principal is not valid.", a.Account)
	case a.Service == "iam" && class == "group":
		v.refuse("INVALID_PRINCIPAL_FORMAT", path, n.start, "name its users", "A group is not a principal.")
	case a.Service == "iam" && (a.Resource == "root" || (class == "user" || class == "role") && name != ""):
	case a.Service == "sts" && class == "federated-user" && name != "":
	case a.Service == "sts" && class == "assumed-role" && strings.Count(name, "/") == 1:
	default:
		v.refuse("INVALID_PRINCIPAL_FORMAT", path, n.start, "arn:aws:iam::ACCOUNT:user/NAME, …:role/NAME or …:root", "The principal %q is not valid.", text)
	}
}

func (v *validator) servicePrincipal(n *node, path string) {
	v.noVariables(n, path)
	if v.is(Any) {
		return
	}
	if n.text == "*" {
		v.refuse("UNSUPPORTED_WILDCARD_IN_PRINCIPAL", path, n.start, "name the services", "A service principal cannot be a wildcard.")
		return
	}
	host, ok := strings.CutSuffix(strings.TrimSuffix(n.text, ".cn"), ".amazonaws.com")
	if !ok || host == "" || strings.ContainsFunc(host, func(char rune) bool { return !isWord(char) && char != '-' && char != '.' }) {
		hint := "service.amazonaws.com"
		if isPlain(n.text) {
			hint = "did you mean " + n.text + ".amazonaws.com?"
		}
		v.refuseIf(v.strict(), "INVALID_SERVICE_PRINCIPAL_FORMAT", path, n.start, hint, "The service principal %q is not valid.", n.text)
	}
}

func isPlain(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(char rune) bool { return !isWord(char) && char != '-' })
}

// actionForPrincipal: who is federated assumes a role with a token, who is not does not.
func (v *validator) actionForPrincipal(statement *node, m *member, path string) {
	value := statement.get("Action")
	if value == nil {
		return
	}
	for _, item := range value.list() {
		token := strings.EqualFold(item.text, "sts:AssumeRoleWithWebIdentity") || strings.EqualFold(item.text, "sts:AssumeRoleWithSAML")
		if m.key == "Federated" && strings.EqualFold(item.text, "sts:AssumeRole") || (m.key == "AWS" || m.key == "Service") && token {
			v.add(LevelError, "MISMATCHED_ACTION_FOR_PRINCIPAL", path, m.start, "", "%s principals cannot call %s.", m.key, item.text)
		}
	}
}

// restrictsSource reports whether a statement has a condition on whom a service acts for.
func restrictsSource(statement *node) bool {
	conditions := statement.get("Condition")
	if conditions == nil {
		return false
	}
	for i := range conditions.members {
		for j := range conditions.members[i].value.members {
			switch strings.ToLower(conditions.members[i].value.members[j].key) {
			case "aws:sourcearn", "aws:sourceaccount", "aws:sourceorgid", "aws:sourceorgpaths":
				return true
			}
		}
	}
	return false
}
