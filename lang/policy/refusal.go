package policy

import (
	"fmt"
	"strings"
)

// Refusal returns AWS's own text for the first rule that keeps a document from being stored as kind, "" if it may be stored (IAMP-6.1, 6.3,
// 6.4). The caller adds the first ERROR of Validate, which says where. Principals that must exist are the caller's to look up.
func Refusal(document []byte, kind Kind) string {
	switch kind {
	case Identity, Session, Boundary:
		return refuseIAM(document, kind)
	case Trust:
		return refuseTrust(document)
	}
	for _, f := range Validate(document, kind) {
		if !f.refuses {
			continue
		}
		switch kind {
		case Repository:
			return "Invalid repository policy provided"
		case Registry:
			return "Invalid registry policy provided"
		case SCP, RCP:
			return "The provided policy document does not meet the requirements of the specified policy type."
		}
		return textSyntax
	}
	return ""
}

// What IAM answers, in the order in which it looks (IAMP-6.1).
const (
	textSyntax       = "Syntax errors in policy."
	textVersion      = "Policy document must be version 2012-10-17 or greater."
	textLegacy       = "The policy failed legacy parsing"
	textSids         = "Statement IDs (SID) in a single policy must be unique."
	textNoActions    = "Policy statement must contain actions."
	textNoResources  = "Policy statement must contain resources."
	textNoVendor     = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
	textColons       = "Actions/Condition can contain only one colon."
	textResourceIAM  = `IAM resource path must either be "*" or start with user/, federated-user/, role/, group/, instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, report/, access-report/.`
	textResourceForm = "Resource vendor must be fully qualified and cannot contain regexes."
)

func refuseIAM(document []byte, kind Kind) string {
	root, _, err := readJSON(document)
	if err != nil || root.kind != kindObject {
		return textSyntax
	}
	statements, ok := wellFormed(&root, false)
	if !ok {
		return textSyntax
	}
	if version := root.get("Version"); kind != Session && (version == nil || version.text != "2012-10-17") {
		return textVersion // STS takes older session policies
	}
	resourceText, ok := legacy(statements)
	if !ok {
		return textLegacy
	}
	if text := refuseSids(statements); text != "" {
		return text
	}
	for _, s := range statements {
		if empty(s, "Action", "NotAction") {
			return textNoActions
		}
	}
	if resourceText != "" {
		return resourceText
	}
	for _, s := range statements {
		if text := refuseActions(s); text != "" {
			return text
		}
	}
	for _, s := range statements {
		if empty(s, "Resource", "NotResource") {
			return textNoResources
		}
	}
	return ""
}

// wellFormed is IAM's first look: known elements of the right types. Duplicate keys are errors here too: AWS's grammar has none.
func wellFormed(root *node, principals bool) ([]*node, bool) {
	if !unique(root, "Version", "Id", "Statement") {
		return nil, false
	}
	if version := root.get("Version"); version != nil && (version.kind != kindString || version.text != "2012-10-17" && version.text != "2008-10-17") {
		return nil, false
	}
	if id := root.get("Id"); id != nil && id.kind != kindString {
		return nil, false
	}
	value := root.get("Statement")
	if value == nil || value.kind != kindObject && value.kind != kindArray {
		return nil, false
	}
	list := value.list()
	statements := make([]*node, len(list))
	for i := range list {
		s := &list[i]
		statements[i] = s
		elements := statementElements()
		if !principals {
			elements = []string{"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}
		}
		if s.kind != kindObject || !unique(s, elements...) || !wellFormedStatement(s) {
			return nil, false
		}
	}
	return statements, len(statements) > 0
}

func wellFormedStatement(s *node) bool {
	if s.get("Action") != nil && s.get("NotAction") != nil || s.get("Resource") != nil && s.get("NotResource") != nil {
		return false
	}
	effect := s.get("Effect")
	if effect == nil || effect.kind != kindString || !strings.EqualFold(effect.text, "Allow") && !strings.EqualFold(effect.text, "Deny") {
		return false
	}
	if sid := s.get("Sid"); sid != nil && sid.kind != kindString {
		return false
	}
	for _, name := range []string{"Action", "NotAction", "Resource", "NotResource"} {
		value := s.get(name)
		if value == nil {
			continue
		}
		for _, item := range value.list() {
			if item.kind != kindString && !(item.kind == kindNull && value.kind == kindArray) { // IAM passes over null in a list
				return false
			}
		}
	}
	conditions := s.get("Condition")
	if conditions == nil {
		return true
	}
	if conditions.kind != kindObject {
		return false
	}
	for i := range conditions.members {
		m := &conditions.members[i]
		if m.value.kind != kindObject || m.overridden {
			return false
		}
		if len(m.value.members) > 0 && !operatorOfIAM(m.key) {
			return false
		}
		for j := range m.value.members {
			if m.value.members[j].overridden {
				return false
			}
			for _, item := range m.value.members[j].value.list() {
				if !item.scalar() {
					return false
				}
			}
		}
	}
	return true
}

// operatorOfIAM: IAM wants the canonical spelling; it lets NullIfExists pass.
func operatorOfIAM(name string) bool {
	if op := parseOperator(name); op.comparison != unknownOperator {
		return op.canonical == name
	}
	return strings.HasSuffix(name, "NullIfExists") && parseOperator(strings.TrimSuffix(name, "IfExists")).canonical == strings.TrimSuffix(name, "IfExists")
}

// unique reports whether an object has only these keys, each once.
func unique(n *node, keys ...string) bool {
	for i := range n.members {
		known := false
		for _, key := range keys {
			known = known || key == n.members[i].key
		}
		if !known || n.members[i].overridden {
			return false
		}
	}
	return true
}

// empty reports whether a statement has neither element, or an empty array.
func empty(s *node, positive, negative string) bool {
	value, _ := either(s, positive, negative)
	return value == nil || value.kind == kindArray && len(value.items) == 0
}

// legacy is IAM's older parser: case of Effect, dates, some ARNs. It returns false if that fails, else the text for the first resource that is
// no ARN, which IAM tells only later.
func legacy(statements []*node) (resourceText string, ok bool) {
	for _, s := range statements {
		if effect := s.get("Effect").text; effect != "Allow" && effect != "Deny" {
			return "", false
		}
		if conditions := s.get("Condition"); conditions != nil && !legacyDates(conditions) {
			return "", false
		}
	}
	for _, s := range statements {
		value, _ := either(s, "Resource", "NotResource")
		if value == nil {
			continue
		}
		for _, item := range value.list() {
			if item.text == "*" || item.kind == kindNull {
				continue
			}
			if text := refuseResource(item.text); text != "" {
				if resourceText == "" {
					resourceText = text
				}
				continue
			}
			parts, count := splitARN(item.text)
			if resourceText == "" && (count < 6 && strings.Contains(item.text, "::") || count > 2 && parts[2] == "") {
				return "", false
			}
		}
	}
	return resourceText, true
}

func legacyDates(conditions *node) bool {
	for i := range conditions.members {
		m := &conditions.members[i]
		switch parseOperator(m.key).comparison {
		case dateEquals, dateLess, dateLessEquals, dateGreater, dateGreaterEquals:
		default:
			continue
		}
		for j := range m.value.members {
			for _, item := range m.value.members[j].value.list() {
				if !legacyDate(item.text) {
					return false
				}
			}
		}
	}
	return true
}

// legacyDate is laxer than what a date condition can compare: parts may be missing or short.
func legacyDate(s string) bool {
	s = strings.ToLower(s)
	if !strings.ContainsAny(s, "t-") {
		return between(s, 0, 1<<63-1)
	}
	date, clock, _ := strings.Cut(s, "t")
	year, rest, more := strings.Cut(strings.TrimPrefix(date, "-"), "-")
	if strings.HasPrefix(date, "-") {
		year = "-" + year
	}
	if !between(year, -292275054, 292278993) {
		return false
	}
	if more {
		month, day, more := strings.Cut(rest, "-")
		if !between(month, 1, 12) || more && !between(day, 1, 31) {
			return false
		}
	}
	if clock == "" {
		return true
	}
	parts := strings.SplitN(clock, ":", 3)
	if parts[0] != "" && !between(parts[0], 0, 23) || len(parts) > 1 && !between(parts[1], 0, 59) {
		return false
	}
	if len(parts) < 3 {
		return true
	}
	seconds := parts[2]
	if before, after, ok := strings.Cut(seconds, "z"); ok {
		if seconds = before; after != "" {
			return false
		}
	} else if before, zone, ok := strings.Cut(seconds, "+"); ok {
		seconds = before
		hours, minutes, more := strings.Cut(zone, ":")
		if len(hours) != 2 || !between(hours, 0, 23) || more && (len(minutes) != 2 || !between(minutes, 0, 59)) {
			return false
		}
	}
	whole, fraction, more := strings.Cut(seconds, ".")
	return between(whole, 0, 59) && (!more || between(fraction, 0, 999999999))
}

// between reports whether s is an integer within bounds.
func between(s string, low, high int64) bool {
	d, ok := parseDecimal(s)
	if !ok || strings.Contains(s, ".") {
		return false
	}
	lower, _ := parseDecimal(fmt.Sprint(low))
	upper, _ := parseDecimal(fmt.Sprint(high))
	return d.compare(lower) >= 0 && d.compare(upper) <= 0
}

// refuseResource words what is wrong with the form of a resource that is not *.
func refuseResource(text string) string {
	parts := strings.Split(text, ":")
	if len(parts) == 1 {
		return "Resource " + text + ` must be in ARN format or "*".`
	}
	if partition := parts[1]; !validPartition(partition) {
		rest := []string{"*", "*", "*", "*"}
		for i := range rest {
			if i+2 < len(parts) {
				rest[i] = parts[i+2]
			}
		}
		if len(parts) > 6 {
			rest[3] = strings.Join(parts[5:], ":")
		}
		return fmt.Sprintf(`Partition "%s" is not valid for resource "arn:%s:%s".`, partition, partition, strings.Join(rest, ":"))
	}
	if len(parts) == 2 || strings.ContainsAny(parts[2], "*?") && len(parts) > 3 {
		return textResourceForm
	}
	service := parts[2]
	// Both are global; only access points of S3 lie in a region, and have an account.
	if global := len(parts) > 4 && (parts[3] == "" || parts[3] == "*"); !global {
		switch {
		case service == "iam":
			return "IAM resource " + text + " cannot contain region information."
		case service == "s3" && (len(parts) < 5 || parts[4] == ""):
			return "Resource " + text + " can not contain region information."
		}
	}
	if service == "iam" && len(parts) > 5 && !iamPath(strings.Join(parts[5:], ":")) {
		return textResourceIAM
	}
	return ""
}

func iamPath(path string) bool {
	if path == "*" {
		return true
	}
	for _, prefix := range []string{
		"user/", "federated-user/", "role/", "group/", "instance-profile/", "mfa/", "server-certificate/", "policy/", "sms-mfa/",
		"saml-provider/", "oidc-provider/", "report/", "access-report/",
	} {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return path == "root"
}

func refuseSids(statements []*node) string {
	seen := map[string]bool{}
	for _, s := range statements {
		if sid := s.get("Sid"); sid != nil && sid.text != "" {
			if seen[sid.text] {
				return textSids
			}
			seen[sid.text] = true
		}
	}
	return ""
}

func refuseActions(s *node) string {
	value, _ := either(s, "Action", "NotAction")
	for _, item := range value.list() {
		vendor, rest, ok := strings.Cut(item.text, ":")
		switch {
		case item.text == "*" || item.kind == kindNull:
		case !ok:
			return textNoVendor
		case strings.Contains(rest, ":"):
			return textColons
		case vendor != "*" && strings.ContainsFunc(vendor, func(char rune) bool { return !isWord(char) && char != '-' && char != '.' }):
			return "Vendor " + vendor + " is not valid"
		}
	}
	return ""
}

// refuseTrust words what keeps a document from being the trust policy of a role (IAMP-6.1).
func refuseTrust(document []byte) string {
	root, _, err := readJSON(document)
	if err != nil {
		return "This policy contains invalid Json"
	}
	if root.kind != kindObject {
		return textSyntax
	}
	statements, ok := wellFormed(&root, true)
	if !ok {
		return textSyntax
	}
	for _, s := range statements {
		for _, name := range []string{"Resource", "NotResource"} {
			if s.get(name) != nil {
				return "Has prohibited field " + name + "."
			}
		}
	}
	if _, ok := legacy(statements); !ok {
		return textLegacy
	}
	if text := refuseSids(statements); text != "" {
		return text
	}
	for _, s := range statements {
		if empty(s, "Action", "NotAction") {
			return textNoActions
		}
		if text := refuseActions(s); text != "" {
			return text
		}
	}
	source := string(document)
	for _, f := range Validate(document, Trust) {
		if !f.refuses {
			continue
		}
		switch f.Code {
		case "MISSING_PRINCIPAL":
			return "Missing required field Principal"
		case "UNSUPPORTED_ACTION_IN_POLICY", "INVALID_ACTION", "INVALID_SERVICE_IN_ACTION":
			return "AssumeRole policy may only specify STS AssumeRole actions."
		case "ROLE_TRUST_POLICY_SYNTAX_ERROR_NOTPRINCIPAL":
			return "Has prohibited field NotPrincipal."
		case "ROLE_TRUST_POLICY_UNSUPPORTED_WILDCARD_IN_PRINCIPAL":
			return `AssumeRolepolicy contained an invalid principal: "STAR":"*".`
		case "INVALID_PRINCIPAL_FORMAT", "UNSUPPORTED_WILDCARD_IN_PRINCIPAL", "INVALID_PARTITION", "INVALID_ARN_ACCOUNT", "INVALID_SERVICE_PRINCIPAL_FORMAT":
			return refusePrincipal(source, &f)
		}
		return textSyntax
	}
	return ""
}

// refusePrincipal quotes the value at a finding: Invalid principal in policy: "AWS":"arn:…".
func refusePrincipal(source string, f *Finding) string {
	r := reader{source: source, pos: f.Offset}
	value, err := r.value()
	if err != nil || value.kind != kindString {
		return textSyntax
	}
	key := "AWS"
	if f.Code == "INVALID_SERVICE_PRINCIPAL_FORMAT" || strings.Contains(f.Path, ".Service") {
		key = "SERVICE"
	}
	return fmt.Sprintf(`Invalid principal in policy: "%s":"%s"`, key, value.text)
}
