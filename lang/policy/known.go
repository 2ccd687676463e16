package policy

import (
	_ "embed"
	"slices"
	"strings"
)

//go:embed actions.txt
var actionList string

//go:embed services.txt
var serviceList string

// known answers which names exist. It is built for one Validate.
type known struct {
	actions  map[string]map[string]string // service, lower-case action: canonical action
	services []string
	hints    int // given so far
}

// maxHints bounds the search for what was meant: it costs far more than to see that a name is wrong.
const maxHints = 100

// KnownAction returns an action such as "ecr:BatchGetImage" in its canonical spelling. ok is false for one that does not exist: then hint asks for the nearest
// ("did you mean ecr:BatchGetImage?"), "" if none is near. Of a service whose actions are not known in full every name exists.
func KnownAction(action string) (canonical, hint string, ok bool) {
	k := newKnown()
	service, name, _ := strings.Cut(action, ":")
	if ok, hint := k.service(service); !ok {
		return action, hint, false
	}
	if strings.ContainsAny(name, "*?") {
		return action, "", false // the name of many
	}
	if ok, hint := k.action(service, name); !ok {
		return action, hint, false
	}
	service = strings.ToLower(service)
	if written := k.actions[service][strings.ToLower(name)]; written != "" {
		name = written
	}
	return service + ":" + name, "", true
}

// nearest is the function of that name, until enough has been said.
func (k *known) nearest(name string, candidates []string) string {
	if k.hints++; k.hints > maxHints {
		return ""
	}
	return nearest(name, candidates)
}

func newKnown() *known {
	k := &known{actions: map[string]map[string]string{}, services: strings.Fields(serviceList)}
	service := ""
	for line := range strings.Lines(actionList) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		for word := range strings.FieldsSeq(line) {
			if name, ok := strings.CutSuffix(word, ":"); ok {
				service = name
				k.actions[service] = map[string]string{}
				continue
			}
			k.actions[service][strings.ToLower(word)] = word
		}
	}
	return k
}

// didYouMean words the nearest candidate as a question, "" if none is near.
func (k *known) didYouMean(name string, candidates []string) string {
	if near := k.nearest(name, candidates); near != "" {
		return "did you mean " + near + "?"
	}
	return ""
}

// action says whether the action of a service that we know in full exists, or some action matches its wildcards; hint is the nearest that does.
func (k *known) action(service, name string) (ok bool, hint string) {
	names := k.actions[strings.ToLower(service)]
	if names == nil {
		return true, ""
	}
	lower := strings.ToLower(name)
	if names[lower] != "" {
		return true, ""
	}
	if strings.ContainsAny(lower, "*?") {
		p := compile(lower, true, false)
		for candidate := range names {
			if matchTokens(p.tokens, candidate, sameCase) {
				return true, ""
			}
		}
		return false, ""
	}
	if k.hints >= maxHints {
		return false, ""
	}
	candidates := make([]string, 0, len(names))
	for _, canonical := range names {
		candidates = append(candidates, canonical)
	}
	if near := k.nearest(name, candidates); near != "" {
		return false, "did you mean " + strings.ToLower(service) + ":" + near + "?"
	}
	return false, ""
}

// service says whether a service prefix exists.
func (k *known) service(name string) (ok bool, hint string) {
	if slices.Contains(k.services, strings.ToLower(name)) {
		return true, ""
	}
	if near := k.nearest(name, []string{"ecr", "iam", "sts", "organizations", "ecr-public", "kms", "s3"}); near != "" {
		return false, "did you mean " + near + "?"
	}
	return false, ""
}

// nearest returns the candidate with the smallest edit distance to name, "" if none is near enough to be meant. Of two as near the one that name begins.
func nearest(name string, candidates []string) string {
	slices.Sort(candidates)
	best, distance := "", max(len(name)/3, 1)+1
	for _, candidate := range candidates {
		d := editDistance(strings.ToLower(name), strings.ToLower(candidate), distance+1)
		if d < distance || d == distance && best != "" && strings.HasPrefix(candidate, name) && !strings.HasPrefix(best, name) {
			best, distance = candidate, d
		}
	}
	return best
}

// editDistance counts insertions, deletions, substitutions and swaps of neighbours; from limit on it may answer limit.
func editDistance(a, b string, limit int) int {
	if len(a) > 128 || len(b) > 128 || len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	before, last, row := rows[0], rows[1], rows[2]
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// valueType is what a condition key holds.
type valueType uint8

const (
	anyType valueType = iota
	stringType
	arnType
	dateType
	numberType
	boolType
	ipType
)

// conditionKey is what is known of one condition key.
type conditionKey struct {
	kind  valueType
	multi bool
	tag   bool   // needs a tag key after its slash
	newer string // the key that is to be used instead
}

// globalKey returns what is known of an aws: key, in lower case without the tag key (IAMP-1.2).
func globalKey(name string) (conditionKey, bool) {
	switch name {
	case "aws:principaltag", "aws:resourcetag", "aws:requesttag":
		return conditionKey{kind: stringType, tag: true}, true
	case "aws:tagkeys", "aws:calledvia", "aws:principalservicenameslist", "aws:principalorgpaths", "aws:resourceorgpaths", "aws:sourceorgpaths", "aws:vpceorgpaths":
		return conditionKey{kind: stringType, multi: true}, true
	case "aws:currenttime", "aws:tokenissuetime":
		return conditionKey{kind: dateType}, true
	case "aws:epochtime":
		return conditionKey{kind: anyType}, true // a date and a number
	case "aws:multifactorauthage":
		return conditionKey{kind: numberType}, true
	case "aws:multifactorauthpresent", "aws:securetransport", "aws:viaawsservice", "aws:principalisawsservice", "aws:assumedroot", "aws:isassumedroot":
		return conditionKey{kind: boolType}, true
	case "aws:sourceip", "aws:vpcsourceip":
		return conditionKey{kind: ipType}, true
	case "aws:arn":
		return conditionKey{kind: arnType, newer: "aws:PrincipalArn"}, true
	case "aws:principalarn", "aws:sourcearn", "aws:chatbotsourcearn", "aws:sourcevpcarn", "aws:signinsessionarn":
		return conditionKey{kind: arnType}, true
	case "aws:ec2instancesourceprivateipv4":
		return conditionKey{kind: ipType}, true
	case "aws:principalaccount", "aws:principaltype", "aws:principalorgid", "aws:principalservicename", "aws:userid", "aws:username",
		"aws:sourceaccount", "aws:sourceorgid", "aws:resourceaccount", "aws:resourceorgid", "aws:requestedregion",
		"aws:sourcevpc", "aws:sourcevpce", "aws:vpceaccount", "aws:vpceorgid", "aws:useragent", "aws:referer",
		"aws:sourceidentity", "aws:federatedprovider", "aws:calledviafirst", "aws:calledvialast", "aws:calledviaawsmcp", "aws:viaawsmcpservice",
		"aws:ec2instancesourcevpc", "aws:sourcetag":
		return conditionKey{kind: stringType}, true
	}
	return conditionKey{}, false
}

// serviceKey returns what is known of a key of a service that we know in full. all is false for services that we do not.
func serviceKey(service, name string) (key conditionKey, ok, all bool) {
	switch service {
	case "ecr":
		switch name {
		case "ecr:resourcetag":
			return conditionKey{kind: stringType, tag: true}, true, true
		case "ecr:accountsetting", "ecr:imagetag", "ecr:imagedigest":
			return conditionKey{kind: stringType}, true, true
		}
		return conditionKey{}, false, true
	case "sts":
		switch name {
		case "sts:externalid", "sts:rolesessionname", "sts:sourceidentity", "sts:awsservicename", "sts:signingalgorithm", "sts:taskpolicyarn":
			return conditionKey{kind: stringType}, true, true
		case "sts:transitivetagkeys", "sts:identitytokenaudience", "sts:requestcontextproviders":
			return conditionKey{kind: stringType, multi: true}, true, true
		case "sts:durationseconds":
			return conditionKey{kind: numberType}, true, true
		case "sts:roleauthorizedbyidp":
			return conditionKey{kind: boolType}, true, true
		case "sts:requestcontext":
			return conditionKey{kind: stringType, tag: true}, true, true
		}
		return conditionKey{}, false, true
	case "organizations":
		switch name {
		case "organizations:policytype", "organizations:serviceprincipal", "organizations:transferdirection", "organizations:transfertype":
			return conditionKey{kind: stringType}, true, true
		}
		return conditionKey{}, false, true
	case "iam":
		switch name {
		case "iam:resourcetag":
			return conditionKey{kind: stringType, tag: true}, true, true
		case "iam:awsservicename", "iam:fido-certification", "iam:fido-fips-140-2-certification", "iam:fido-fips-140-3-certification", "iam:notificationchannel",
			"iam:organizationspolicyid", "iam:passedtoservice", "iam:registersecuritykey", "iam:servicespecificcredentialservicename":
			return conditionKey{kind: stringType}, true, true
		case "iam:associatedresourcearn", "iam:delegationrequestowner", "iam:permissionsboundary", "iam:policyarn", "iam:templatearn":
			return conditionKey{kind: arnType}, true, true
		case "iam:delegationduration", "iam:servicespecificcredentialagedays":
			return conditionKey{kind: numberType}, true, true
		}
		return conditionKey{}, false, true
	}
	return conditionKey{}, false, false
}

// name is how a finding calls what an operator compares.
func (c comparison) name() string {
	switch c {
	case numericEquals, numericLess, numericLessEquals, numericGreater, numericGreaterEquals:
		return "NUMBER"
	case dateEquals, dateLess, dateLessEquals, dateGreater, dateGreaterEquals:
		return "DATE"
	case boolEquals:
		return "BOOLEAN"
	case ipAddress:
		return "IP_RANGE"
	case arnLike:
		return "ARN"
	case binaryEquals:
		return "BINARY"
	}
	return "STRING"
}

// accepts reports whether an operator compares what the key holds.
func (t valueType) accepts(c comparison) bool {
	switch c {
	case null, unknownOperator:
		return true
	case stringEquals, stringEqualsIgnoreCase, stringLike:
		return t == anyType || t == stringType || t == arnType
	case arnLike:
		return t == anyType || t == arnType || t == stringType
	case numericEquals, numericLess, numericLessEquals, numericGreater, numericGreaterEquals:
		return t == anyType || t == numberType
	case dateEquals, dateLess, dateLessEquals, dateGreater, dateGreaterEquals:
		return t == anyType || t == dateType
	case boolEquals:
		return t == anyType || t == boolType
	case ipAddress:
		return t == anyType || t == ipType
	}
	return t == anyType
}
