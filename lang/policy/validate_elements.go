package policy

import (
	"strings"

	"github.com/berth-registry/berth/lang/arn"
)

func (v *validator) actions(n *node, path string) {
	name := "Action"
	value, not := either(n, "Action", "NotAction")
	if value == nil {
		v.refuseIf(!v.is(Any), "MISSING_ACTION", path, n.start, "", "The statement has neither Action nor NotAction.")
		return
	}
	if not {
		name = "NotAction"
		if v.is(RCP) {
			v.refuse("UNSUPPORTED_ELEMENT_COMBINATION", path+".NotAction", value.start, "", "NotAction is not allowed in a resource control policy.")
		}
	}
	path += "." + name
	if value.kind == kindArray && len(value.items) == 0 {
		if v.is(Any, ResourceBased, Endpoint) {
			v.add(LevelSuggestion, "EMPTY_ARRAY_ACTION", path, value.start, "", "%s is empty: the statement does nothing.", name)
		} else {
			v.refuse("MISSING_ACTION", path, value.start, "", "%s is empty.", name)
		}
	}
	seen := map[string]bool{}
	v.strings(value, path, func(item *node, path string) {
		if lower := strings.ToLower(item.text); seen[lower] {
			v.add(LevelSuggestion, "REDUNDANT_ACTION", path, item.start, "remove one of them", "The action %s stands twice.", item.text)
		} else {
			seen[lower] = true
		}
		v.action(item, path)
	})
}

func (v *validator) action(n *node, path string) {
	v.noVariables(n, path)
	if n.text == "*" {
		switch v.kind {
		case RCP:
			v.refuse("UNSUPPORTED_ACTION_IN_POLICY", path, n.start, "name a service: ecr:*", `Action cannot be "*" in a resource control policy.`)
		case Trust:
			v.refuse("UNSUPPORTED_ACTION_IN_POLICY", path, n.start, "write sts:AssumeRole", "A trust policy may name only the actions that assume a role.")
		}
		return
	}
	parts := strings.Split(n.text, ":")
	if len(parts) != 2 {
		hint := ""
		if len(parts) == 1 {
			hint = "write service:Action, as ecr:BatchGetImage"
		}
		v.refuse("INVALID_ACTION", path, n.start, hint, "The action %q is neither * nor service:Action.", n.text)
		return
	}
	service, name := parts[0], parts[1]
	inIAM := v.is(Identity, Session, Boundary)
	if service == "" || strings.ContainsFunc(service, func(char rune) bool { return !isWord(char) && char != '-' && char != '.' && char != '*' && char != '?' }) {
		v.refuse("INVALID_SERVICE_IN_ACTION", path, n.start, "", "The service %q of the action holds characters that no service has.", service)
		return
	}
	if strings.ContainsFunc(name, func(char rune) bool { return !isWord(char) && !strings.ContainsRune("-*?, ", char) }) {
		v.refuseIf(!inIAM, "INVALID_ACTION", path, n.start, "", "The action %q holds characters that no action has.", n.text)
		return
	}
	if compileAction(n.text).never {
		v.refuseIf(v.strict(), "INVALID_ACTION", path, n.start, "", "The action %q can match nothing.", n.text)
		return
	}
	if strings.ContainsAny(service, "*?") {
		v.refuse("INVALID_SERVICE_IN_ACTION", path, n.start, "", "The service of an action cannot hold wildcards.")
		return
	}
	if ok, hint := v.known.service(service); !ok {
		v.refuseIf(v.is(Repository, Registry, Trust, RCP), "INVALID_SERVICE_IN_ACTION", path, n.start, hint, "The service %s of the action does not exist.", service)
		return
	}
	if ok, hint := v.known.action(service, name); !ok {
		if strings.EqualFold(n.text, "ecr:ListImageReferrers") {
			hint = "its permission is ecr:BatchGetImage"
		}
		v.refuseIf(v.is(Repository, Registry, Trust), "INVALID_ACTION", path, n.start, hint, "The action %s does not exist.", n.text)
		return
	}
	v.actionOfKind(n, path, strings.ToLower(service), strings.ToLower(name))
}

// actionOfKind checks that an action that exists has a meaning in this kind of policy.
func (v *validator) actionOfKind(n *node, path, service, name string) {
	switch v.kind {
	case Repository, Registry:
		if service != "ecr" {
			v.refuse("UNSUPPORTED_ACTION_IN_POLICY", path, n.start, "", "A policy of ECR may name only actions of ecr, not %s.", n.text)
		} else if v.kind == Repository && !strings.ContainsAny(name, "*?") && !onRepository(name) {
			hint := "allow it in an identity policy of the caller"
			v.add(LevelWarning, "UNSUPPORTED_ACTION_IN_POLICY", path, n.start, hint, "The action %s does not act on a repository: it has no effect here.", n.text)
		} else if v.scopeV1 && !coversV1(name) {
			v.refuse("UNSUPPORTED_ACTION_IN_POLICY", path, n.start, "set the account setting REGISTRY_POLICY_SCOPE to V2",
				"In the scope V1 a registry policy may name only ecr:ReplicateImage, ecr:BatchImportUpstreamImage and ecr:CreateRepository, not %s.", n.text)
		}
	case Trust:
		p := compile(name, true, false)
		for _, allowed := range []string{"assumerole", "assumerolewithsaml", "assumerolewithwebidentity", "tagsession", "setsourceidentity", "setcontext"} {
			if service == "sts" && p.matchString(allowed) {
				return
			}
		}
		v.refuse("UNSUPPORTED_ACTION_IN_POLICY", path, n.start, "write sts:AssumeRole", "A trust policy may name only the actions that assume a role, not %s.", n.text)
	case RCP:
		if !supportsRCP(service) {
			v.refuse("UNSUPPORTED_ACTION_IN_POLICY", path, n.start, "", "The service %s takes no part in resource control policies.", service)
		}
	}
}

// coversV1 reports whether an ECR action, in lower case and perhaps with wildcards, is or covers one of the scope V1 (IAMP-4.4).
func coversV1(name string) bool {
	p := compile(name, true, false)
	for _, action := range actionsV1() {
		if p.matchString(strings.ToLower(action)) {
			return true
		}
	}
	return false
}

// onRepository reports whether an ECR action acts on a repository (IAMP-4.1). name is in lower case.
func onRepository(name string) bool {
	switch name {
	case "createpullthroughcacherule", "createrepositorycreationtemplate", "deletepullthroughcacherule", "deleteregistrypolicy",
		"deleterepositorycreationtemplate", "deletesigningconfiguration", "deregisterpulltimeupdateexclusion", "describepullthroughcacherules",
		"describeregistry", "describerepositorycreationtemplates", "getaccountsetting", "getauthorizationtoken", "getregistrypolicy",
		"getregistryscanningconfiguration", "getsigningconfiguration", "listpulltimeupdateexclusions", "putaccountsetting", "putregistrypolicy",
		"putregistryscanningconfiguration", "putreplicationconfiguration", "putsigningconfiguration", "registerpulltimeupdateexclusion",
		"updatepullthroughcacherule", "updaterepositorycreationtemplate", "validatepullthroughcacherule":
		return false
	}
	return true
}

func isWord(char rune) bool {
	return char >= '0' && char <= '9' || char|0x20 >= 'a' && char|0x20 <= 'z' && char < 0x80
}

func (v *validator) resources(n *node, path string, effect effect) {
	name := "Resource"
	value, not := either(n, "Resource", "NotResource")
	if not {
		name = "NotResource"
	}
	if value == nil {
		if !v.is(Repository, Trust, ResourceBased, Any) {
			v.refuse("MISSING_RESOURCE", path, n.start, `add "Resource": "*"`, "The statement has neither Resource nor NotResource.")
		}
		return
	}
	path += "." + name
	if v.is(Trust) {
		v.refuse("ROLE_TRUST_POLICY_SYNTAX_ERROR_RESOURCE", path, value.start, "remove it", "A trust policy has no %s: it stands on the role itself.", name)
		return
	}
	if value.kind == kindArray && len(value.items) == 0 {
		if v.is(Any, ResourceBased, Endpoint, Repository) {
			v.add(LevelSuggestion, "EMPTY_ARRAY_RESOURCE", path, value.start, "", "%s is empty: the statement does nothing.", name)
		} else {
			v.refuse("MISSING_RESOURCE", path, value.start, "", "%s is empty.", name)
		}
	}
	seen, applies := map[string]bool{}, not
	v.strings(value, path, func(item *node, path string) {
		if seen[item.text] {
			v.add(LevelSuggestion, "REDUNDANT_RESOURCE", path, item.start, "remove one of them", "The resource %s stands twice.", item.text)
		}
		seen[item.text] = true
		v.resource(item, path)
		applies = applies || namesRepository(item.text)
	})
	if v.is(Repository) && len(seen) > 0 {
		if applies {
			v.add(LevelWarning, "REDUNDANT_RESOURCE", path, value.start, "remove it", "A repository policy needs no %s: it stands on the repository itself.", name)
		} else {
			v.add(LevelWarning, "UNSUPPORTED_RESOURCE_ARN_IN_POLICY", path, value.start, "remove it", "No %s here names a repository: the statement can never apply.", name)
		}
	}
	if effect == allow && !not && seen["*"] && v.passesRole(n) {
		v.add(LevelSecurityWarning, "PASS_ROLE_WITH_STAR_IN_RESOURCE", path, value.start, "name the roles that may be passed", "iam:PassRole on * lets every role be passed.")
	}
}

func (v *validator) passesRole(n *node) bool {
	value := n.get("Action")
	if value == nil || !v.is(Identity, Session, Boundary) {
		return false
	}
	for _, item := range value.list() {
		if strings.EqualFold(item.text, "iam:PassRole") {
			return true
		}
	}
	return false
}

// namesRepository reports whether a value can cover some repository.
func namesRepository(text string) bool {
	if text == "*" {
		return true
	}
	parts, count := splitARN(text)
	if count < 6 {
		return strings.Contains(text, "*")
	}
	service := compile(parts[2], true, false)
	before, _, wild := strings.Cut(strings.ReplaceAll(strings.ReplaceAll(parts[5], "?", "*"), "${", "*"), "*")
	return service.matchString("ecr") && (strings.HasPrefix(before, "repository/") || wild && strings.HasPrefix("repository/", before))
}

func (v *validator) resource(n *node, path string) {
	if n.text == "*" {
		return
	}
	v.checkVariables(n, path)
	refuses := v.is(Repository, Registry, SCP, RCP)
	parts, count := splitARN(n.text)
	wild := func(s string) bool { return strings.ContainsAny(s, "*?$") }
	switch {
	case parts[0] != "arn" && (count > 1 || !wild(parts[0])):
		v.refuseIf(refuses, "INVALID_ARN_PREFIX", path, n.start, arnHint(n.text), "The resource %q is neither * nor an ARN.", n.text)
		return
	case count < 6:
		v.refuseIf(refuses && !strings.Contains(n.text, "*"), "MISSING_ARN_FIELD", path, n.start, "arn:partition:service:region:account:resource", "The ARN %q has %d of its 6 parts.", n.text, count)
		return
	case !validPartition(parts[1]):
		v.refuseIf(refuses, "INVALID_PARTITION", path, n.start, v.known.didYouMean(parts[1], []string{"aws", "aws-cn", "aws-us-gov"}), "The partition %q of the ARN does not exist.", parts[1])
	case parts[2] == "":
		v.refuseIf(refuses, "MISSING_ARN_FIELD", path, n.start, "", "The ARN %q names no service.", n.text)
	case parts[5] == "":
		v.refuseIf(refuses, "INVALID_ARN_RESOURCE", path, n.start, "", "The ARN %q names no resource.", n.text)
	}
	if v.is(Identity, Session, Boundary) && parts[2] != "ecr" && parts[2] != "" && validPartition(parts[1]) {
		if text := refuseResource(n.text); strings.HasSuffix(text, "region information.") {
			v.refuse("INVALID_ARN_REGION", path, n.start, "leave the region empty", "%s", text)
		} else if text != "" {
			v.refuse("INVALID_ARN_RESOURCE", path, n.start, "", "%s", text)
		}
	}
	if !wild(parts[3]) && strings.ContainsFunc(parts[3], func(char rune) bool { return !isWord(char) && char != '-' }) {
		v.add(LevelError, "INVALID_ARN_REGION", path, n.start, "", "The region %q of the ARN is not valid.", parts[3])
	}
	if a := parts[4]; !wild(a) && a != "" && a != "aws" && !arn.IsAccount(a) {
		v.refuseIf(v.is(Repository, Registry), "INVALID_ARN_ACCOUNT", path, n.start, "an account id has twelve digits", "The account %q of the ARN is not valid.", a)
	}
	if parts[2] == "ecr" && !namesRepository(n.text) && !wild(parts[2]) {
		v.add(LevelError, "INVALID_ARN_RESOURCE", path, n.start, "arn:aws:ecr:REGION:ACCOUNT:repository/NAME", "%q is not the form of a repository's ARN.", n.text)
	}
}

// arnHint says what to write instead of a resource that is no ARN: people paste the name that they push and pull by.
func arnHint(text string) string {
	host, name, ok := strings.Cut(strings.TrimPrefix(text, "https://"), "/")
	account, rest, isRegistry := strings.Cut(host, ".dkr.ecr")
	_, rest, dot := strings.Cut(rest, ".")
	region, domain, _ := strings.Cut(rest, ".")
	if !ok || !isRegistry || !dot || !arn.IsAccount(account) || region == "" || name == "" {
		return `write "*" or an ARN: arn:aws:ecr:REGION:ACCOUNT:repository/NAME`
	}
	partition := "aws"
	if strings.HasSuffix(domain, ".cn") {
		partition = "aws-cn"
	}
	if cut := strings.IndexAny(name, ":@"); cut >= 0 {
		name = name[:cut]
	}
	return "write arn:" + partition + ":ecr:" + region + ":" + account + ":repository/" + name
}

func validPartition(s string) bool {
	return s == "aws" || s == "aws-cn" || s == "aws-us-gov" || strings.HasPrefix(s, "aws-iso") || s == "aws-eusc" || strings.ContainsAny(s, "*?")
}

// noVariables finds variables where none are substituted.
func (v *validator) noVariables(n *node, path string) {
	if strings.Contains(n.text, "${") {
		v.add(LevelError, "VARIABLE_UNSUPPORTED_IN_ELEMENT", path, n.start, "", "Policy variables are not substituted in this element: ${…} is plain text.")
	}
}

// checkVariables finds malformed variables in a value where variables are substituted (IAMP-2.3).
func (v *validator) checkVariables(n *node, path string) {
	for rest := n.text; ; {
		at := strings.Index(rest, "${")
		if at < 0 {
			return
		}
		if !v.variables {
			v.add(LevelError, "VARIABLE_UNSUPPORTED_IN_VERSION", path, n.start, `set "Version" to "2012-10-17"`, "Policy variables need the Version 2012-10-17: ${…} is plain text here.")
			return
		}
		rest = rest[at:]
		end := strings.IndexByte(rest, '}')
		if end < 0 {
			v.add(LevelError, "MISSING_BRACE_IN_VARIABLE", path, n.start, "add a }", "A policy variable in %q does not end.", n.text)
			return
		}
		name, fallback, hasFallback := strings.Cut(rest[2:end], ",")
		switch {
		case strings.TrimSpace(name) == "":
			v.add(LevelError, "EMPTY_VARIABLE", path, n.start, "", "A policy variable in %q has no name.", n.text)
		case strings.ContainsAny(name, " \t"):
			v.add(LevelError, "UNSUPPORTED_SPACE_IN_VARIABLE", path, n.start, "", "The name of a policy variable in %q holds a space.", n.text)
		}
		if hasFallback {
			switch {
			case !strings.HasPrefix(fallback, " ") || strings.HasPrefix(fallback, "  "):
				v.add(LevelError, "UNSUPPORTED_SPACE_IN_VARIABLE", path, n.start, "${key, 'default'}", "Between the name of a policy variable and its default stand a comma and one space.")
			case len(fallback) < 3 || fallback[1] != '\'' || fallback[len(fallback)-1] != '\'':
				v.add(LevelError, "MISSING_QUOTE_IN_VARIABLE", path, n.start, "${key, 'default'}", "The default of a policy variable in %q is not quoted.", n.text)
			}
		}
		rest = rest[end+1:]
	}
}
