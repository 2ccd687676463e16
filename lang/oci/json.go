package oci

import (
	"bytes"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	maxDepth   = 64    // of nested objects and arrays
	maxMembers = 4_096 // of one object
	fewMembers = 16    // up to here duplicates are found by comparing, above with a map
)

// reader walks one JSON text and refuses everything that two parsers may read differently: duplicate keys, keys that differ from a known field by case
// only (encoding/json takes "Layers" for layers), a byte order mark, invalid UTF-8, unpaired surrogates, trailing data (H40, H41). Depth and members of
// an object are bounded; strings are slices of the text unless they hold escapes.
type reader struct {
	text   []byte
	at     int
	depth  int
	keys   [][]byte // the keys of all open objects, the innermost last
	ignore func(key []byte) error
}

func newReader(text []byte) *reader {
	r := &reader{text: text}
	r.ignore = func([]byte) error { return r.skip() }
	return r
}

// problem is what is wrong, and where in the document: a path like "layers[3].size".
type problem struct {
	path string
	text string
}

func (p *problem) Error() string {
	if p.path == "" {
		return p.text
	}
	return p.path + ": " + p.text
}

// in puts name before the path of err, as the error goes up through the document.
func in(name string, err error) error {
	p, ok := err.(*problem)
	if !ok {
		return err
	}
	switch {
	case p.path == "":
		p.path = name
	case p.path[0] == '[':
		p.path = name + p.path
	default:
		p.path = name + "." + p.path
	}
	return p
}

func inElement(i int, err error) error { return in("["+strconv.Itoa(i)+"]", err) }

func (r *reader) syntax() error {
	if r.at >= len(r.text) {
		return &problem{text: "Invalid JSON syntax: it ends too early"}
	}
	return &problem{text: "Invalid JSON syntax at byte " + strconv.Itoa(r.at+1)}
}

// check refuses what is wrong with the text as a whole, before anything of it is read.
func (r *reader) check() error {
	if bytes.HasPrefix(r.text, []byte("\xef\xbb\xbf")) {
		return &problem{text: "Invalid JSON syntax: it begins with a byte order mark"}
	}
	if !utf8.Valid(r.text) {
		return &problem{text: "Invalid JSON syntax: it is not UTF-8"}
	}
	return nil
}

// end refuses anything but white space after the value.
func (r *reader) end() error {
	r.space()
	if r.at != len(r.text) {
		return &problem{text: "Invalid JSON syntax: data follows the document at byte " + strconv.Itoa(r.at+1)}
	}
	return nil
}

func (r *reader) space() {
	for r.at < len(r.text) {
		switch r.text[r.at] {
		case ' ', '\t', '\n', '\r':
			r.at++
		default:
			return
		}
	}
}

// peek is the first byte of the next token, 0 at the end of the text.
func (r *reader) peek() byte {
	r.space()
	if r.at < len(r.text) {
		return r.text[r.at]
	}
	return 0
}

func (r *reader) take(c byte) error {
	if r.peek() != c {
		return r.syntax()
	}
	r.at++
	return nil
}

func (r *reader) open(c byte) error {
	if err := r.take(c); err != nil {
		return err
	}
	if r.depth++; r.depth > maxDepth {
		return &problem{text: "nested too deeply"}
	}
	return nil
}

// null consumes a null and says so: to every decoder a null member is an absent one.
func (r *reader) null() bool {
	if r.peek() == 'n' && bytes.HasPrefix(r.text[r.at:], []byte("null")) {
		r.at += len("null")
		return true
	}
	return false
}

// object reads an object. known are the names of its fields; member is called for each key and must consume the value.
func (r *reader) object(known []string, member func(key []byte) error) error {
	if r.peek() != '{' {
		return r.expected("an object")
	}
	if err := r.open('{'); err != nil {
		return err
	}
	base := len(r.keys)
	var many map[string]struct{}
	if r.peek() == '}' {
		r.at++
		r.depth--
		return nil
	}
	for {
		if r.peek() != '"' {
			return r.syntax()
		}
		key, err := r.string()
		if err != nil {
			return err
		}
		if many, err = r.unique(key, base, many); err != nil {
			return err
		}
		if field := foldedField(known, key); field != "" {
			return &problem{text: "a key differs from '" + field + "' by case only"}
		}
		if err := r.take(':'); err != nil {
			return err
		}
		if err := member(key); err != nil {
			return err
		}
		switch r.peek() {
		case ',':
			r.at++
		case '}':
			r.at++
			r.depth--
			r.keys = r.keys[:base]
			return nil
		default:
			return r.syntax()
		}
	}
}

// unique adds key to those of the object whose keys begin at base, and fails if it is there already.
func (r *reader) unique(key []byte, base int, many map[string]struct{}) (map[string]struct{}, error) {
	seen := r.keys[base:]
	duplicate := false
	switch {
	case len(seen) >= maxMembers:
		return nil, &problem{text: "an object has more than " + strconv.Itoa(maxMembers) + " members"}
	case len(seen) < fewMembers:
		for _, k := range seen {
			duplicate = duplicate || bytes.Equal(k, key)
		}
	default:
		if many == nil {
			many = make(map[string]struct{}, 4*fewMembers)
			for _, k := range seen {
				many[string(k)] = struct{}{}
			}
		}
		_, duplicate = many[string(key)]
		many[string(key)] = struct{}{}
	}
	if duplicate {
		return nil, &problem{text: "the key " + quoteShort(string(key)) + " stands there twice"}
	}
	r.keys = append(r.keys, key)
	return many, nil
}

// foldedField is the known field that key differs from by case only, also by Unicode's folding of 'ſ' and the Kelvin sign, which Go's decoder does.
func foldedField(known []string, key []byte) string {
	if len(key) == 0 {
		return ""
	}
	first := key[0] | 0x20
	for _, field := range known {
		if len(key) < len(field) || first < utf8.RuneSelf && first != field[0] {
			continue
		}
		if string(key) != field && bytes.EqualFold(key, []byte(field)) {
			return field
		}
	}
	return ""
}

// array reads an array; element is called for each element with its index and must consume it.
func (r *reader) array(element func(i int) error) error {
	if r.peek() != '[' {
		return r.expected("an array")
	}
	if err := r.open('['); err != nil {
		return err
	}
	if r.peek() == ']' {
		r.at++
		r.depth--
		return nil
	}
	for i := 0; ; i++ {
		if err := element(i); err != nil {
			return inElement(i, err)
		}
		switch r.peek() {
		case ',':
			r.at++
		case ']':
			r.at++
			r.depth--
			return nil
		default:
			return r.syntax()
		}
	}
}

// string reads a string; the result is a slice of the text unless it holds escapes.
func (r *reader) string() ([]byte, error) {
	if r.peek() != '"' {
		return nil, r.expected("a string")
	}
	start := r.at + 1
	for i := start; i < len(r.text); i++ {
		switch c := r.text[i]; {
		case c == '"':
			r.at = i + 1
			return r.text[start:i], nil
		case c == '\\':
			r.at = i
			return r.escaped(append(make([]byte, 0, 2*(i-start)+16), r.text[start:i]...))
		case c < ' ':
			r.at = i
			return nil, r.syntax()
		}
	}
	r.at = len(r.text)
	return nil, r.syntax()
}

// escaped reads the rest of a string from its first escape on, appending to out.
func (r *reader) escaped(out []byte) ([]byte, error) {
	for r.at < len(r.text) {
		c := r.text[r.at]
		switch {
		case c == '"':
			r.at++
			return out, nil
		case c < ' ':
			return nil, r.syntax()
		case c != '\\':
			out = append(out, c)
			r.at++
			continue
		}
		r.at++
		if r.at == len(r.text) {
			break
		}
		switch e := r.text[r.at]; e {
		case '"', '\\', '/':
			out = append(out, e)
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			c, err := r.codePoint()
			if err != nil {
				return nil, err
			}
			out = utf8.AppendRune(out, c)
			continue
		default:
			return nil, r.syntax()
		}
		r.at++
	}
	return nil, r.syntax()
}

// codePoint reads uXXXX, and a second \uXXXX when the first is half of a surrogate pair. Half a pair alone is refused: decoders differ about it.
func (r *reader) codePoint() (rune, error) {
	c, ok := r.hex4(r.at)
	if !ok {
		return 0, r.syntax()
	}
	if !utf16.IsSurrogate(c) {
		r.at += len("uXXXX")
		return c, nil
	}
	if next := r.at + len("uXXXX"); next+1 < len(r.text) && r.text[next] == '\\' {
		if low, ok := r.hex4(next + 1); ok {
			if full := utf16.DecodeRune(c, low); full != utf8.RuneError {
				r.at = next + 1 + len("uXXXX")
				return full, nil
			}
		}
	}
	return 0, &problem{text: "Invalid JSON syntax: half of a surrogate pair at byte " + strconv.Itoa(r.at+1)}
}

func (r *reader) hex4(at int) (rune, bool) {
	if at+5 > len(r.text) || r.text[at] != 'u' {
		return 0, false
	}
	var c rune
	for _, d := range r.text[at+1 : at+5] {
		switch {
		case '0' <= d && d <= '9':
			c = c<<4 | rune(d-'0')
		case 'a' <= d|0x20 && d|0x20 <= 'f':
			c = c<<4 | rune(d|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return c, true
}

// number reads a number and returns its text.
func (r *reader) number() ([]byte, error) {
	if c := r.peek(); c != '-' && (c < '0' || c > '9') {
		return nil, r.expected("a number")
	}
	start := r.at
	if r.text[r.at] == '-' {
		r.at++
	}
	if r.at < len(r.text) && r.text[r.at] == '0' {
		r.at++
	} else if !r.digits() {
		return nil, r.syntax()
	}
	if r.at < len(r.text) && r.text[r.at] == '.' {
		if r.at++; !r.digits() {
			return nil, r.syntax()
		}
	}
	if r.at < len(r.text) && r.text[r.at]|0x20 == 'e' {
		if r.at++; r.at < len(r.text) && (r.text[r.at] == '+' || r.text[r.at] == '-') {
			r.at++
		}
		if !r.digits() {
			return nil, r.syntax()
		}
	}
	return r.text[start:r.at], nil
}

func (r *reader) digits() bool {
	start := r.at
	for r.at < len(r.text) && '0' <= r.text[r.at] && r.text[r.at] <= '9' {
		r.at++
	}
	return r.at > start
}

// count reads a whole number from 0 to 2^63-1, written without fraction or exponent (H37).
func (r *reader) count() (int64, error) {
	text, err := r.number()
	if err != nil {
		return 0, err
	}
	var n int64
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, &problem{text: "must be a whole number that is not negative"}
		}
		if n > (math.MaxInt64-int64(c-'0'))/10 {
			return 0, &problem{text: "is too large"}
		}
		n = 10*n + int64(c-'0')
	}
	return n, nil
}

// skip reads any value and forgets it.
func (r *reader) skip() error {
	switch c := r.peek(); {
	case c == '{':
		return r.object(nil, r.ignore)
	case c == '[':
		return r.array(func(int) error { return r.skip() })
	case c == '"':
		_, err := r.string()
		return err
	case c == '-' || '0' <= c && c <= '9':
		_, err := r.number()
		return err
	default:
		for _, word := range [...]string{"true", "false", "null"} {
			if rest := r.text[r.at:]; len(rest) >= len(word) && string(rest[:len(word)]) == word {
				r.at += len(word)
				return nil
			}
		}
		return r.syntax()
	}
}

// expected says what should stand here, when what stands here is at least the start of a JSON value.
func (r *reader) expected(what string) error {
	switch c := r.peek(); {
	case c == '{', c == '[', c == '"', c == '-', c == 't', c == 'f', c == 'n', '0' <= c && c <= '9':
		return &problem{text: "must be " + what}
	default:
		return r.syntax()
	}
}

// quoteShort quotes s for a message: printable, and short whatever the client sent.
func quoteShort(s string) string {
	const most = 100
	if len(s) > most {
		s = s[:most] + "..."
	}
	return strconv.QuoteToASCII(s)
}
