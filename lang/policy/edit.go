package policy

import "strings"

// replacement is one change of a document's text. Every other byte stays as its author wrote it.
type replacement struct {
	start, end int
	text       string
}

func (r replacement) apply(source string) string { return source[:r.start] + r.text + source[r.end:] }

// statementNode reads a document again, for its offsets: the compiled policy has none. i counts as Decision.Statement does.
func statementNode(source string, i int) (root node, statement *node) {
	root, _, err := readJSON([]byte(source))
	if err != nil {
		return root, nil
	}
	value := root.get("Statement")
	switch {
	case value == nil:
	case value.kind != kindArray && i == 0:
		return root, value
	case i < len(value.items):
		return root, &value.items[i]
	}
	return root, nil
}

// gap is the white space before the item at i of an array.
func (n *node) gap(source string, i int) string {
	if i == 0 {
		return source[n.start+1 : n.items[0].start]
	}
	between := source[n.items[i-1].end:n.items[i].start]
	return between[strings.IndexByte(between, ',')+1:]
}

// withItem appends literal to an array, or makes an array of a single value.
func (n *node) withItem(source, literal string) replacement {
	switch {
	case n.kind != kindArray:
		return replacement{n.start, n.end, "[" + source[n.start:n.end] + ", " + literal + "]"}
	case len(n.items) == 0:
		return replacement{n.start, n.end, "[" + literal + "]"}
	}
	last := len(n.items) - 1
	return replacement{n.items[last].end, n.items[last].end, "," + n.gap(source, last) + literal}
}

// withoutItems removes the items of an array for which f answers true. Some item must remain.
func (n *node) withoutItems(source string, f func(i int) bool) replacement {
	var b strings.Builder
	for i := range n.items {
		if f(i) {
			continue
		}
		if b.Len() == 0 {
			b.WriteString("[" + n.gap(source, 0))
		} else {
			b.WriteString("," + n.gap(source, i))
		}
		b.WriteString(source[n.items[i].start:n.items[i].end])
	}
	b.WriteString(source[n.items[len(n.items)-1].end:n.end])
	return replacement{n.start, n.end, b.String()}
}

// withMember adds a member to an object.
func (n *node) withMember(key, literal string) replacement {
	text := quoted(key) + ": " + literal
	if len(n.members) == 0 {
		return replacement{n.start, n.end, "{" + text + "}"}
	}
	end := n.members[len(n.members)-1].value.end
	return replacement{end, end, ", " + text}
}

func quoted(s string) string { return string(appendQuoted(nil, s)) }
