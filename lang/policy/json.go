package policy

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Limits of a document that is read at all. What may be stored is far smaller (IAMP-6.2); these only bound the time and memory that a
// hostile document can take.
const (
	MaxDocument = 1 << 20 // bytes
	maxDepth    = 32      // nested arrays and objects; a policy needs six
	maxNodes    = 100_000 // values in one document
)

// SyntaxError says where a document stops being JSON, or cannot be a policy at all.
type SyntaxError struct {
	// Offset counts bytes from 0. Line and Column count from 1, columns in code points.
	Offset, Line, Column int
	// Message says what was found and what was expected.
	Message string
	// Hint says what to write instead, where that can be guessed; may be empty.
	Hint string
}

// Error returns the place and the message.
func (e *SyntaxError) Error() string {
	text := fmt.Sprintf("line %d column %d: %s", e.Line, e.Column, e.Message)
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return text
}

func syntaxError(source string, offset int, hint, format string, args ...any) *SyntaxError {
	line, column := position(source, offset)
	return &SyntaxError{Offset: offset, Line: line, Column: column, Message: fmt.Sprintf(format, args...), Hint: hint}
}

// position turns a byte offset into line and column, both from 1, columns in code points (IAMP-6.5).
func position(source string, offset int) (line, column int) {
	l := locator{source: source, line: 1, column: 1}
	return l.at(offset)
}

// locator finds line and column of offsets that come in ascending order, in one pass over the source.
type locator struct {
	source               string
	offset, line, column int
}

func (l *locator) at(offset int) (line, column int) {
	if offset < l.offset || l.line == 0 {
		*l = locator{source: l.source, line: 1, column: 1}
	}
	between := l.source[l.offset:min(offset, len(l.source))]
	if lines := strings.Count(between, "\n"); lines > 0 {
		l.line, l.column = l.line+lines, 1
		between = between[strings.LastIndexByte(between, '\n')+1:]
	}
	l.offset, l.column = offset, l.column+utf8.RuneCountInString(between)
	return l.line, l.column
}

type kind uint8

const (
	kindNull kind = iota
	kindBool
	kindNumber
	kindString
	kindArray
	kindObject
)

func (k kind) String() string {
	return [...]string{"null", "a boolean", "a number", "a string", "an array", "an object"}[k]
}

// node is one JSON value and where it stands. encoding/json is of no use here: it loses offsets and hides duplicate keys, and both are
// findings.
type node struct {
	kind       kind
	start, end int      // byte offsets
	text       string   // decoded string; number, boolean and null as written
	items      []node   // of an array
	members    []member // of an object, in order, duplicates kept
}

type member struct {
	key        string
	start      int  // offset of the key
	overridden bool // a later member has the same key: readers of JSON see only that one
	value      node
}

// get returns the member with this key. Of duplicates the last counts, as in every common JSON reader.
func (n *node) get(key string) *node {
	for i := len(n.members) - 1; i >= 0; i-- {
		if n.members[i].key == key {
			return &n.members[i].value
		}
	}
	return nil
}

// list returns the items of an array, or the value itself as the only item: AWS treats both alike everywhere.
func (n *node) list() []node {
	if n.kind == kindArray {
		return n.items
	}
	return []node{*n}
}

// scalar reports whether the value is a string, number or boolean, all of which AWS takes as their text (IAMP-2.2).
func (n *node) scalar() bool {
	return n.kind == kindString || n.kind == kindNumber || n.kind == kindBool
}

// canonical writes the value in one spelling, whatever its white space and the order of its keys; the members of the outermost object named without are
// left out.
func (n *node) canonical(without string) string {
	var b []byte
	var write func(n *node, without string)
	write = func(n *node, without string) {
		switch n.kind {
		case kindObject:
			keys := make([]int, 0, len(n.members))
			for i := range n.members {
				if m := &n.members[i]; !m.overridden && m.key != without {
					keys = append(keys, i)
				}
			}
			slices.SortFunc(keys, func(x, y int) int { return strings.Compare(n.members[x].key, n.members[y].key) })
			b = append(b, '{')
			for _, i := range keys {
				b = append(appendQuoted(b, n.members[i].key), ':')
				write(&n.members[i].value, "")
				b = append(b, ',')
			}
			b = append(b, '}')
		case kindArray:
			b = append(b, '[')
			for i := range n.items {
				write(&n.items[i], "")
				b = append(b, ',')
			}
			b = append(b, ']')
		case kindString:
			b = appendQuoted(b, n.text)
		default:
			b = append(b, n.text...)
		}
	}
	write(n, without)
	return string(b)
}

type reader struct {
	source       string
	pos          int
	depth, nodes int
}

// readJSON reads exactly one JSON value. Its error is a *SyntaxError.
func readJSON(document []byte) (node, string, error) {
	if len(document) > MaxDocument {
		return node{}, "", &SyntaxError{Line: 1, Column: 1, Message: fmt.Sprintf("the document is longer than %d bytes", MaxDocument)}
	}
	r := reader{source: string(document)}
	if strings.HasPrefix(r.source, "\ufeff") {
		return node{}, r.source, syntaxError(r.source, 0, "save the file as UTF-8 without a byte order mark", "the document begins with a byte order mark")
	}
	if !utf8.ValidString(r.source) {
		offset := 0
		for offset < len(r.source) {
			char, size := utf8.DecodeRuneInString(r.source[offset:])
			if char == utf8.RuneError && size == 1 {
				break
			}
			offset += size
		}
		return node{}, r.source, syntaxError(r.source, offset, "save the file as UTF-8", "byte 0x%02x is not UTF-8", r.source[offset])
	}
	root, err := r.value()
	if err != nil {
		return node{}, r.source, err
	}
	r.space()
	if r.pos < len(r.source) {
		return node{}, r.source, r.unexpected("the end of the document")
	}
	return root, r.source, nil
}

func (r *reader) space() {
	for r.pos < len(r.source) {
		switch r.source[r.pos] {
		case ' ', '\t', '\r', '\n':
			r.pos++
		default:
			return
		}
	}
}

func (r *reader) fail(offset int, hint, format string, args ...any) error {
	return syntaxError(r.source, offset, hint, format, args...)
}

// unexpected words what stands here instead of want, with a hint for the mistakes that people make most: pasted typographic quotes,
// single quotes, comments, names of other languages.
func (r *reader) unexpected(want string) error {
	if r.pos >= len(r.source) {
		return r.fail(r.pos, "", "the document ends where %s is expected", want)
	}
	char, _ := utf8.DecodeRuneInString(r.source[r.pos:])
	hint := ""
	switch rest := r.source[r.pos:]; {
	case strings.ContainsRune("“”„‟«»″", char):
		hint = fmt.Sprintf("typographic quote %c: write a plain \" instead", char)
	case strings.ContainsRune("‘’‚‛′'`", char):
		hint = fmt.Sprintf("%c does not quote in JSON: write a plain \" instead", char)
	case strings.HasPrefix(rest, "//"), strings.HasPrefix(rest, "/*"), char == '#':
		hint = "JSON has no comments: remove it"
	case char == '\u00a0', char == '\u200b', char == '\u2028', char == '\u2029':
		hint = "an invisible character that is no JSON space: remove it"
	case strings.HasPrefix(rest, "True"), strings.HasPrefix(rest, "False"), strings.HasPrefix(rest, "None"):
		hint = "write true, false or null in lower case"
	case r.pos == 0 && yaml(r.source):
		hint = "this looks like YAML: write the policy as JSON"
	case char == '"' && strings.Contains(want, "','"):
		hint = "is a comma missing before it?"
	}
	return r.fail(r.pos, hint, "found %q where %s is expected", char, want)
}

// yaml reports whether a document begins as one does that was copied out of a template: with a name, and a colon behind it.
func yaml(source string) bool {
	rest := strings.TrimLeft(source, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	return len(rest) < len(source) && strings.HasPrefix(rest, ":")
}

func (r *reader) value() (node, error) {
	r.space()
	if r.nodes++; r.nodes > maxNodes {
		return node{}, r.fail(r.pos, "", "the document holds more than %d values", maxNodes)
	}
	if r.pos >= len(r.source) {
		return node{}, r.unexpected("a value")
	}
	switch char := r.source[r.pos]; {
	case char == '{':
		return r.nested(r.object)
	case char == '[':
		return r.nested(r.array)
	case char == '"':
		start := r.pos
		text, err := r.string()
		return node{kind: kindString, start: start, end: r.pos, text: text}, err
	case char == '-' || char >= '0' && char <= '9':
		return r.number()
	}
	for word, k := range map[string]kind{"true": kindBool, "false": kindBool, "null": kindNull} {
		if strings.HasPrefix(r.source[r.pos:], word) {
			start := r.pos
			r.pos += len(word)
			return node{kind: k, start: start, end: r.pos, text: word}, nil
		}
	}
	return node{}, r.unexpected("a value")
}

func (r *reader) nested(read func() (node, error)) (node, error) {
	if r.depth++; r.depth > maxDepth {
		return node{}, r.fail(r.pos, "", "the document is nested deeper than %d levels", maxDepth)
	}
	n, err := read()
	r.depth--
	return n, err
}

func (r *reader) object() (node, error) {
	n := node{kind: kindObject, start: r.pos}
	r.pos++
	for comma := -1; ; {
		r.space()
		if r.pos < len(r.source) && r.source[r.pos] == '}' {
			if comma >= 0 {
				return n, r.fail(comma, "remove the comma", "trailing comma: nothing follows it in the object")
			}
			r.pos++
			n.end = r.pos
			n.markOverridden()
			return n, nil
		}
		if r.pos >= len(r.source) || r.source[r.pos] != '"' {
			return n, r.unexpected(`a name in double quotes or '}'`)
		}
		start := r.pos
		key, err := r.string()
		if err != nil {
			return n, err
		}
		if r.space(); r.pos >= len(r.source) || r.source[r.pos] != ':' {
			return n, r.unexpected("':'")
		}
		r.pos++
		value, err := r.value()
		if err != nil {
			return n, err
		}
		n.members = append(n.members, member{key: key, start: start, value: value})
		if comma, err = r.comma('}'); err != nil {
			return n, err
		}
	}
}

func (n *node) markOverridden() {
	if len(n.members) < 2 {
		return
	}
	last := make(map[string]int, len(n.members))
	for i := range n.members {
		if before, ok := last[n.members[i].key]; ok {
			n.members[before].overridden = true
		}
		last[n.members[i].key] = i
	}
}

func (r *reader) array() (node, error) {
	n := node{kind: kindArray, start: r.pos}
	r.pos++
	for comma := -1; ; {
		r.space()
		if r.pos < len(r.source) && r.source[r.pos] == ']' {
			if comma >= 0 {
				return n, r.fail(comma, "remove the comma", "trailing comma: nothing follows it in the array")
			}
			r.pos++
			n.end = r.pos
			return n, nil
		}
		value, err := r.value()
		if err != nil {
			return n, err
		}
		n.items = append(n.items, value)
		if comma, err = r.comma(']'); err != nil {
			return n, err
		}
	}
}

// comma reads a comma and returns its offset, or -1 if the closing character stands there.
func (r *reader) comma(closing byte) (int, error) {
	r.space()
	if r.pos < len(r.source) && r.source[r.pos] == ',' {
		r.pos++
		return r.pos - 1, nil
	}
	if r.pos < len(r.source) && r.source[r.pos] == closing {
		return -1, nil
	}
	return -1, r.unexpected("',' or '" + string(closing) + "'")
}

func (r *reader) number() (node, error) {
	start := r.pos
	digits := func() bool {
		from := r.pos
		for r.pos < len(r.source) && r.source[r.pos] >= '0' && r.source[r.pos] <= '9' {
			r.pos++
		}
		return r.pos > from
	}
	accept := func(set string) bool {
		if r.pos < len(r.source) && strings.IndexByte(set, r.source[r.pos]) >= 0 {
			r.pos++
			return true
		}
		return false
	}
	accept("-")
	if from := r.pos; !digits() {
		return node{}, r.unexpected("a digit")
	} else if r.source[from] == '0' && r.pos > from+1 {
		return node{}, r.fail(from, "write it in double quotes to keep the zero", "a number begins with 0")
	}
	if accept(".") && !digits() {
		return node{}, r.unexpected("a digit")
	}
	if accept("eE") {
		accept("+-")
		if !digits() {
			return node{}, r.unexpected("a digit")
		}
	}
	return node{kind: kindNumber, start: start, end: r.pos, text: r.source[start:r.pos]}, nil
}

func (r *reader) string() (string, error) {
	start := r.pos
	r.pos++
	from := r.pos
	var built []byte
	for {
		if r.pos >= len(r.source) {
			return "", r.fail(start, "", "the string that begins here does not end")
		}
		switch char := r.source[r.pos]; {
		case char == '"':
			text := r.source[from:r.pos]
			r.pos++
			if built != nil {
				return string(append(built, text...)), nil
			}
			return text, nil
		case char < ' ':
			return "", r.fail(r.pos, "is a closing quote missing?", "control character 0x%02x inside a string", char)
		case char != '\\':
			r.pos++
		default:
			built = append(built, r.source[from:r.pos]...)
			char, err := r.escape()
			if err != nil {
				return "", err
			}
			built = utf8.AppendRune(built, char)
			from = r.pos
		}
	}
}

// escape reads one backslash escape. A surrogate without its partner becomes U+FFFD.
func (r *reader) escape() (rune, error) {
	start := r.pos
	r.pos += 2
	if r.pos > len(r.source) {
		return 0, r.fail(start, "", "the document ends inside an escape")
	}
	switch char := r.source[start+1]; char {
	case '"', '\\', '/':
		return rune(char), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		first, ok := r.hex4(r.pos)
		if !ok {
			return 0, r.fail(start, "", `\u needs four hexadecimal digits`)
		}
		r.pos += 4
		if utf16.IsSurrogate(first) && strings.HasPrefix(r.source[r.pos:], `\u`) {
			if second, ok := r.hex4(r.pos + 2); ok {
				if char := utf16.DecodeRune(first, second); char != utf8.RuneError {
					r.pos += 6
					return char, nil
				}
			}
		}
		if utf16.IsSurrogate(first) {
			return utf8.RuneError, nil
		}
		return first, nil
	}
	return 0, r.fail(start, "", `\%c is no escape of JSON`, r.source[start+1])
}

func (r *reader) hex4(at int) (rune, bool) {
	if at+4 > len(r.source) {
		return 0, false
	}
	var value rune
	for _, char := range []byte(r.source[at : at+4]) {
		switch {
		case char >= '0' && char <= '9':
			value = value<<4 | rune(char-'0')
		case char|0x20 >= 'a' && char|0x20 <= 'f':
			value = value<<4 | rune(char|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return value, true
}
