package policy

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Refuse returns AWS's own text for the first rule that keeps a document from being stored as kind (IAMP-6.1, 6.3, 6.4), and the finding of Validate
// that says what and where that is; "" and nil if it may be stored. Principals that must exist are the caller's to look up.
//
// The finding is of the place that AWS's text is about, though AWS looks in another order than Validate and passes over much that is an error for it.
// Where Validate has nothing to say there, the finding has the text itself as its message.
func Refuse(document []byte, kind Kind) (text string, cause *Finding) {
	var r *refusal
	switch kind {
	case Identity, Session, Boundary:
		r = refuseIAM(document, kind)
	case Trust:
		r = refuseTrust(document)
	default:
		r = refuseFirst(document, kind)
	}
	if r == nil {
		return "", nil
	}
	rank := func(f *Finding) int {
		switch {
		case f.Offset < r.start || f.Offset > r.end:
			return 0
		case f.refuses:
			return 3
		case f.Level == LevelError:
			return 2
		}
		return 1
	}
	best := 0
	found := Validate(document, kind)
	for i := range found {
		if n := rank(&found[i]); n > best {
			best, cause = n, &found[i]
		}
	}
	if cause == nil {
		cause = &Finding{Code: "POLICY_REFUSED", Level: LevelError, Offset: r.start, Message: r.text, refuses: true}
		cause.Line, cause.Column = position(string(document), r.start)
	}
	return r.text, cause
}

// RemarkUnwritable adds to text, which says that a document has a character that IAM and STS take in no policy (they take U+0009, U+000A, U+000D and U+0020 to
// U+00FF), where that is and what to write instead. What is pasted from a word processor or a web page has such characters.
func RemarkUnwritable(text, document string) string {
	at := strings.IndexFunc(document, func(char rune) bool {
		return char > 0xff || char < 0x20 && char != '\t' && char != '\n' && char != '\r'
	})
	if at < 0 {
		return text
	}
	if _, cause := Refuse([]byte(document), Identity); cause != nil && cause.Offset == at {
		return cause.After(text) // a hint comes with it
	}
	char, _ := utf8.DecodeRuneInString(document[at:])
	f := Finding{Message: fmt.Sprintf("the character %q (%U) may not stand in a policy", char, char)}
	f.Line, f.Column = position(document, at)
	return f.After(text)
}

// refusal is AWS's text and the stretch of the document that it is about.
type refusal struct {
	text string
	span
}

// span is a stretch of a document in byte offsets, both ends included.
type span struct{ start, end int }

func (n *node) span() *span { return &span{n.start, n.end} }

// begin is where something is missing inside a value: findings of that stand at its first byte.
func (n *node) begin() *span { return &span{n.start, n.start} }

func (s *span) refuse(format string, args ...any) *refusal {
	return &refusal{fmt.Sprintf(format, args...), *s}
}

// everywhere is the place of what concerns the document as a whole.
func everywhere(document []byte) *span { return &span{0, len(document)} }

// refuseFirst is for the kinds of which AWS tells nothing but that something is wrong.
func refuseFirst(document []byte, kind Kind) *refusal {
	for _, f := range Validate(document, kind) {
		if !f.refuses {
			continue
		}
		text := textSyntax
		switch kind {
		case Repository:
			text = "Invalid repository policy provided"
		case Registry, RegistryV1:
			text = "Invalid registry policy provided"
		case SCP, RCP:
			text = "The provided policy document does not meet the requirements of the specified policy type."
		}
		return &refusal{text, span{f.Offset, f.Offset}}
	}
	return nil
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

func refuseIAM(document []byte, kind Kind) *refusal {
	root, _, err := readJSON(document)
	if err != nil || root.kind != kindObject {
		return everywhere(document).refuse(textSyntax)
	}
	statements, bad := wellFormed(&root, false)
	if bad != nil {
		return bad.refuse(textSyntax)
	}
	if version := root.get("Version"); kind != Session && version == nil { // STS takes older session policies
		return root.begin().refuse(textVersion)
	} else if kind != Session && version.text != "2012-10-17" {
		return version.span().refuse(textVersion)
	}
	resource, bad := legacy(statements)
	if bad != nil {
		return bad.refuse(textLegacy)
	}
	if r := refuseSids(statements); r != nil {
		return r
	}
	for _, s := range statements {
		if bad := empty(s, "Action", "NotAction"); bad != nil {
			return bad.refuse(textNoActions)
		}
	}
	if resource != nil {
		return resource
	}
	for _, s := range statements {
		if r := refuseActions(s); r != nil {
			return r
		}
	}
	for _, s := range statements {
		if bad := empty(s, "Resource", "NotResource"); bad != nil {
			return bad.refuse(textNoResources)
		}
	}
	return nil
}

// wellFormed is IAM's first look: known elements of the right types. It returns the statements, or what is not well formed. Duplicate keys are
// errors here too: AWS's grammar has none.
func wellFormed(root *node, principals bool) ([]*node, *span) {
	if bad := unique(root, "Version", "Id", "Statement"); bad != nil {
		return nil, bad
	}
	if version := root.get("Version"); version != nil && (version.kind != kindString || version.text != "2012-10-17" && version.text != "2008-10-17") {
		return nil, version.span()
	}
	if id := root.get("Id"); id != nil && id.kind != kindString {
		return nil, id.span()
	}
	value := root.get("Statement")
	if value == nil {
		return nil, root.begin()
	}
	if value.kind != kindObject && value.kind != kindArray {
		return nil, value.span()
	}
	list := value.list()
	statements := make([]*node, len(list))
	elements := statementElements()
	if !principals {
		elements = []string{"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}
	}
	for i := range list {
		s := &list[i]
		statements[i] = s
		if s.kind != kindObject {
			return nil, s.span()
		}
		if bad := unique(s, elements...); bad != nil {
			return nil, bad
		}
		if bad := malformed(s); bad != nil {
			return nil, bad
		}
	}
	if len(statements) == 0 {
		return nil, value.span()
	}
	return statements, nil
}

// malformed returns the part of a statement that has the wrong type, or the statement's beginning if its Effect is missing.
func malformed(s *node) *span {
	for _, name := range []string{"Action", "Resource"} {
		if not := s.get("Not" + name); s.get(name) != nil && not != nil {
			return not.span()
		}
	}
	effect := s.get("Effect")
	if effect == nil {
		return s.begin()
	}
	if effect.kind != kindString || !strings.EqualFold(effect.text, "Allow") && !strings.EqualFold(effect.text, "Deny") {
		return effect.span()
	}
	if sid := s.get("Sid"); sid != nil && sid.kind != kindString {
		return sid.span()
	}
	for _, name := range []string{"Action", "NotAction", "Resource", "NotResource"} {
		value := s.get(name)
		if value == nil {
			continue
		}
		for _, item := range value.list() {
			if item.kind != kindString && !(item.kind == kindNull && value.kind == kindArray) { // IAM passes over null in a list
				return item.span()
			}
		}
	}
	conditions := s.get("Condition")
	if conditions == nil {
		return nil
	}
	if conditions.kind != kindObject {
		return conditions.span()
	}
	for i := range conditions.members {
		m := &conditions.members[i]
		if m.value.kind != kindObject {
			return m.value.span()
		}
		if m.overridden {
			return conditions.again(i)
		}
		if len(m.value.members) > 0 && !operatorOfIAM(m.key) {
			return &span{m.start, m.start}
		}
		for j := range m.value.members {
			entry := &m.value.members[j]
			if entry.overridden {
				return m.value.again(j)
			}
			for _, item := range entry.value.list() {
				if !item.scalar() {
					return item.span()
				}
			}
		}
	}
	return nil
}

// again is where the key of member i stands the next time.
func (n *node) again(i int) *span {
	for j := i + 1; j < len(n.members); j++ {
		if m := &n.members[j]; m.key == n.members[i].key {
			return &span{m.start, m.start}
		}
	}
	return n.span()
}

// operatorOfIAM: IAM wants the canonical spelling; it lets NullIfExists pass.
func operatorOfIAM(name string) bool {
	if op := parseOperator(name); op.comparison != unknownOperator {
		return op.canonical == name
	}
	return strings.HasSuffix(name, "NullIfExists") && parseOperator(strings.TrimSuffix(name, "IfExists")).canonical == strings.TrimSuffix(name, "IfExists")
}

// unique returns a member of an object that has another key than these, or the same as one before it.
func unique(n *node, keys ...string) *span {
	for i := range n.members {
		m := &n.members[i]
		if !slices.Contains(keys, m.key) {
			return &span{m.start, m.value.end}
		}
		if m.overridden {
			return n.again(i)
		}
	}
	return nil
}

// empty returns where a statement has neither element, or an empty array.
func empty(s *node, positive, negative string) *span {
	value, _ := either(s, positive, negative)
	switch {
	case value == nil:
		return s.begin()
	case value.kind == kindArray && len(value.items) == 0:
		return value.span()
	}
	return nil
}

// legacy is IAM's older parser: case of Effect, dates, some ARNs. It returns what fails there, else the refusal of the first resource that is
// no ARN, which IAM tells only later.
func legacy(statements []*node) (resource *refusal, bad *span) {
	for _, s := range statements {
		if effect := s.get("Effect"); effect.text != "Allow" && effect.text != "Deny" {
			return nil, effect.span()
		}
		if conditions := s.get("Condition"); conditions != nil {
			if bad := legacyDates(conditions); bad != nil {
				return nil, bad
			}
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
				if resource == nil {
					resource = &refusal{text, *item.span()}
				}
				continue
			}
			parts, count := splitARN(item.text)
			if resource == nil && (count < 6 && strings.Contains(item.text, "::") || count > 2 && parts[2] == "") {
				return nil, item.span()
			}
		}
	}
	return resource, nil
}

func legacyDates(conditions *node) *span {
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
					return item.span()
				}
			}
		}
	}
	return nil
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

func refuseSids(statements []*node) *refusal {
	seen := map[string]bool{}
	for _, s := range statements {
		if sid := s.get("Sid"); sid != nil && sid.text != "" {
			if seen[sid.text] {
				return sid.span().refuse(textSids)
			}
			seen[sid.text] = true
		}
	}
	return nil
}

func refuseActions(s *node) *refusal {
	value, _ := either(s, "Action", "NotAction")
	for _, item := range value.list() {
		vendor, rest, ok := strings.Cut(item.text, ":")
		switch {
		case item.text == "*" || item.kind == kindNull:
		case !ok:
			return item.span().refuse(textNoVendor)
		case strings.Contains(rest, ":"):
			return item.span().refuse(textColons)
		case vendor != "*" && strings.ContainsFunc(vendor, func(char rune) bool { return !isWord(char) && char != '-' && char != '.' }):
			return item.span().refuse("Vendor %s is not valid", vendor)
		}
	}
	return nil
}

// refuseTrust words what keeps a document from being the trust policy of a role (IAMP-6.1).
func refuseTrust(document []byte) *refusal {
	root, _, err := readJSON(document)
	if err != nil {
		return everywhere(document).refuse("This policy contains invalid Json")
	}
	if root.kind != kindObject {
		return everywhere(document).refuse(textSyntax)
	}
	statements, bad := wellFormed(&root, true)
	if bad != nil {
		return bad.refuse(textSyntax)
	}
	for _, s := range statements {
		for _, name := range []string{"Resource", "NotResource"} {
			if value := s.get(name); value != nil {
				return value.span().refuse("Has prohibited field %s.", name)
			}
		}
	}
	if _, bad := legacy(statements); bad != nil {
		return bad.refuse(textLegacy)
	}
	if r := refuseSids(statements); r != nil {
		return r
	}
	for _, s := range statements {
		if bad := empty(s, "Action", "NotAction"); bad != nil {
			return bad.refuse(textNoActions)
		}
		if r := refuseActions(s); r != nil {
			return r
		}
	}
	for _, f := range Validate(document, Trust) {
		if f.refuses {
			return &refusal{refuseTrustFor(string(document), &f), span{f.Offset, f.Offset}}
		}
	}
	return nil
}

// refuseTrustFor words a finding as IAM does.
func refuseTrustFor(source string, f *Finding) string {
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
		return refusePrincipal(source, f)
	}
	return textSyntax
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
