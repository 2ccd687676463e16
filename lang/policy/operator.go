package policy

import "strings"

// comparison is what an operator does with one request value and one policy value; negation, IfExists and set qualifiers come on top.
type comparison uint8

const (
	unknownOperator comparison = iota
	stringEquals
	stringEqualsIgnoreCase
	stringLike
	numericEquals
	numericLess
	numericLessEquals
	numericGreater
	numericGreaterEquals
	dateEquals
	dateLess
	dateLessEquals
	dateGreater
	dateGreaterEquals
	boolEquals
	binaryEquals
	ipAddress
	arnLike
	null
)

// qualifier is the prefix of a set operator.
type qualifier uint8

const (
	single qualifier = iota
	forAllValues
	forAnyValue
)

// operator is the name of a condition operator, taken apart.
type operator struct {
	comparison comparison
	negated    bool
	ifExists   bool
	qualifier  qualifier
	canonical  string // as AWS spells it; "" if unknown
}

// baseOperators lists the operators as AWS spells them (IAMP-2.2).
func baseOperators() []operator {
	return []operator{
		{comparison: stringEquals, canonical: "StringEquals"},
		{comparison: stringEquals, negated: true, canonical: "StringNotEquals"},
		{comparison: stringEqualsIgnoreCase, canonical: "StringEqualsIgnoreCase"},
		{comparison: stringEqualsIgnoreCase, negated: true, canonical: "StringNotEqualsIgnoreCase"},
		{comparison: stringLike, canonical: "StringLike"},
		{comparison: stringLike, negated: true, canonical: "StringNotLike"},
		{comparison: numericEquals, canonical: "NumericEquals"},
		{comparison: numericEquals, negated: true, canonical: "NumericNotEquals"},
		{comparison: numericLess, canonical: "NumericLessThan"},
		{comparison: numericLessEquals, canonical: "NumericLessThanEquals"},
		{comparison: numericGreater, canonical: "NumericGreaterThan"},
		{comparison: numericGreaterEquals, canonical: "NumericGreaterThanEquals"},
		{comparison: dateEquals, canonical: "DateEquals"},
		{comparison: dateEquals, negated: true, canonical: "DateNotEquals"},
		{comparison: dateLess, canonical: "DateLessThan"},
		{comparison: dateLessEquals, canonical: "DateLessThanEquals"},
		{comparison: dateGreater, canonical: "DateGreaterThan"},
		{comparison: dateGreaterEquals, canonical: "DateGreaterThanEquals"},
		{comparison: boolEquals, canonical: "Bool"},
		{comparison: binaryEquals, canonical: "BinaryEquals"},
		{comparison: ipAddress, canonical: "IpAddress"},
		{comparison: ipAddress, negated: true, canonical: "NotIpAddress"},
		{comparison: arnLike, canonical: "ArnEquals"},
		{comparison: arnLike, canonical: "ArnLike"},
		{comparison: arnLike, negated: true, canonical: "ArnNotEquals"},
		{comparison: arnLike, negated: true, canonical: "ArnNotLike"},
		{comparison: null, canonical: "Null"},
	}
}

// parseOperator reads an operator's name in any case. A name that is none has comparison unknownOperator.
func parseOperator(name string) operator {
	rest, prefix, suffix := name, "", ""
	var q qualifier
	if before, after, ok := strings.Cut(rest, ":"); ok {
		switch {
		case strings.EqualFold(before, "ForAllValues"):
			q, prefix = forAllValues, "ForAllValues:"
		case strings.EqualFold(before, "ForAnyValue"):
			q, prefix = forAnyValue, "ForAnyValue:"
		default:
			return operator{}
		}
		rest = after
	}
	ifExists := false
	if cut := len(rest) - len("IfExists"); cut > 0 && strings.EqualFold(rest[cut:], "IfExists") {
		rest, ifExists, suffix = rest[:cut], true, "IfExists"
	}
	for _, op := range baseOperators() {
		if strings.EqualFold(op.canonical, rest) {
			if op.comparison == null && ifExists { // Null has no IfExists (IAMP-2.2)
				return operator{}
			}
			op.qualifier, op.ifExists, op.canonical = q, ifExists, prefix+op.canonical+suffix
			return op
		}
	}
	return operator{}
}

func (c comparison) takesWildcards() bool { return c == stringLike || c == arnLike }
