package awswire

import (
	"bytes"
	"encoding/base64"
	"math"
	"reflect"
	"strconv"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/berth-registry/berth/fault"
)

// maxDepth bounds how deep a body may nest; the deepest model needs a fraction of it.
const maxDepth = 64

// jsonDecoder reads one awsJson1.1 body into an SDK shape. It is strict where encoding/json is lenient, because what two readers read differently can be abused: duplicate members,
// names in another case, invalid UTF-8, lone surrogates and trailing text are refused (H54). Unknown members are skipped, but must be JSON (API-8).
type jsonDecoder struct {
	trail
	data  []byte
	pos   int
	depth int
}

// document decodes the body into v and notes broken constraints; faults MalformedRequest.
func (d *jsonDecoder) document(p *plan, v reflect.Value) error {
	d.space()
	if d.peek() != '{' {
		return d.fail("the body must be a JSON object")
	}
	if err := d.value(p, v); err != nil {
		return err
	}
	d.space()
	if d.pos < len(d.data) {
		return d.fail("text after the end of the object")
	}
	return nil
}

func (d *jsonDecoder) fail(what string) error {
	where := ""
	if len(d.steps) > 0 {
		where = " in '" + d.path() + "'"
	}
	return fault.New(fault.MalformedRequest, "The request body cannot be read at byte %d%s: %s", d.pos, where, what)
}

// unfit says that the value at hand has another JSON type than the member wants.
func (d *jsonDecoder) unfit(want string) error {
	got := "no JSON value"
	switch d.peek() {
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		got = "a number"
	case '{':
		got = "an object"
	case '[':
		got = "a list"
	case '"':
		got = "a string"
	case 't', 'f':
		got = "a boolean"
	case 'n':
		got = "null"
	case 0:
		got = "the end of the body"
	}
	return d.fail("expected " + want + ", found " + got)
}

// peek returns the next byte, 0 at the end.
func (d *jsonDecoder) peek() byte {
	if d.pos < len(d.data) {
		return d.data[d.pos]
	}
	return 0
}

func (d *jsonDecoder) space() {
	for d.pos < len(d.data) {
		switch d.data[d.pos] {
		case ' ', '\t', '\n', '\r':
			d.pos++
		default:
			return
		}
	}
}

func (d *jsonDecoder) expect(c byte) error {
	if d.peek() != c {
		return d.fail("expected '" + string(rune(c)) + "'")
	}
	d.pos++
	return nil
}

func (d *jsonDecoder) literal(word string) error {
	if !bytes.HasPrefix(d.data[d.pos:], []byte(word)) {
		return d.fail("not JSON")
	}
	d.pos += len(word)
	return nil
}

// value decodes what comes into v, a field or element as p describes it.
func (d *jsonDecoder) value(p *plan, v reflect.Value) error {
	switch p.kind {
	case structure:
		return d.nested('{', "an object", func() error { return d.structure(p, p.settle(v)) })
	case list:
		return d.nested('[', "a list", func() error { return d.list(p, v) })
	case mapping:
		return d.nested('{', "an object", func() error { return d.mapping(p, v) })
	case text:
		if d.peek() != '"' {
			return d.unfit("a string")
		}
		b, err := d.text()
		if err != nil {
			return err
		}
		s := string(b)
		if p.pointer && p.typ.PkgPath() == "" { // *string: one allocation less than through reflect.New
			v.Set(reflect.ValueOf(&s))
		} else {
			p.settle(v).SetString(s)
		}
		d.checkText(p.shape, s)
		return nil
	case boolean:
		b := d.peek() == 't'
		switch {
		case b:
			if err := d.literal("true"); err != nil {
				return err
			}
		case d.peek() == 'f':
			if err := d.literal("false"); err != nil {
				return err
			}
		default:
			return d.unfit("a boolean")
		}
		p.settle(v).SetBool(b)
		return nil
	case blob:
		if d.peek() != '"' {
			return d.unfit("a base64 string")
		}
		return d.blob(p, v)
	}
	if c := d.peek(); c != '-' && (c < '0' || c > '9') {
		return d.unfit("a number")
	}
	number, err := d.number()
	if err != nil {
		return err
	}
	return d.numeric(p, v, number)
}

// nested reads what begins with a bracket, and counts how deep.
func (d *jsonDecoder) nested(bracket byte, what string, read func() error) error {
	if d.peek() != bracket {
		return d.unfit(what)
	}
	if d.depth++; d.depth > maxDepth {
		return d.fail("nested too deeply")
	}
	err := read()
	d.depth--
	return err
}

func (d *jsonDecoder) numeric(p *plan, v reflect.Value, number string) error {
	shown := func() string { return "'" + clip(number) + "'" }
	if p.kind == integer {
		n, err := strconv.ParseInt(number, 10, p.typ.Bits())
		if err != nil {
			return d.fail("expected an integer of " + strconv.Itoa(p.typ.Bits()) + " bits")
		}
		p.settle(v).SetInt(n)
		d.checkNumber(p.shape, float64(n), shown)
		return nil
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return d.fail("the number is out of range")
	}
	if p.kind == float {
		p.settle(v).SetFloat(f)
		d.checkNumber(p.shape, f, shown)
		return nil
	}
	if math.Abs(f) > maxSeconds {
		return d.fail("the time is out of range")
	}
	seconds, fraction := math.Modf(f)
	t := time.Unix(int64(seconds), int64(math.Round(fraction*1e3))*1e6).UTC() // SDKs send milliseconds; more is noise of the float
	p.settle(v).Set(reflect.ValueOf(t))
	return nil
}

// maxSeconds is the end of the year 9999, the last that every client can read.
const maxSeconds = 253402300799

func (d *jsonDecoder) structure(p *plan, v reflect.Value) error {
	var seen, present [maxMembers / 64]uint64
	var unknown map[string]struct{}
	err := d.object(func(name []byte) error {
		i, ok := p.names[string(name)]
		if !ok {
			if _, twice := unknown[string(name)]; twice {
				return d.fail("a member is there twice")
			}
			if unknown == nil {
				unknown = make(map[string]struct{})
			}
			unknown[string(name)] = struct{}{}
			return d.skip()
		}
		if seen[i/64]&(1<<(i%64)) != 0 {
			return d.fail("'" + p.fields[i].wire + "' is there twice")
		}
		seen[i/64] |= 1 << (i % 64)
		if d.peek() == 'n' { // null is absence
			return d.literal("null")
		}
		present[i/64] |= 1 << (i % 64)
		f := &p.fields[i]
		d.push(step{name: f.name})
		err := d.value(f.plan, v.Field(f.index))
		if err == nil {
			d.pop()
		}
		return err
	})
	if err != nil {
		return err
	}
	for i := range p.fields {
		if p.fields[i].required {
			d.checkPresence(&p.fields[i], present[i/64]&(1<<(i%64)) != 0)
		}
	}
	return nil
}

// object calls each with every name, standing on its value.
func (d *jsonDecoder) object(each func(name []byte) error) error {
	d.pos++
	for first := true; ; first = false {
		d.space()
		if d.peek() == '}' && first {
			break
		}
		if d.peek() != '"' {
			return d.fail("expected a name")
		}
		name, err := d.text()
		if err != nil {
			return err
		}
		d.space()
		if err := d.expect(':'); err != nil {
			return err
		}
		d.space()
		if err := each(name); err != nil {
			return err
		}
		d.space()
		if d.peek() != ',' {
			break
		}
		d.pos++
	}
	return d.expect('}')
}

func (d *jsonDecoder) array(each func(n int) error) error {
	d.pos++
	for n := 0; ; n++ {
		d.space()
		if d.peek() == ']' && n == 0 {
			break
		}
		if err := each(n); err != nil {
			return err
		}
		d.space()
		if d.peek() != ',' {
			break
		}
		d.pos++
	}
	return d.expect(']')
}

func (d *jsonDecoder) list(p *plan, v reflect.Value) error {
	v.Set(reflect.MakeSlice(p.typ, 0, 0))
	err := d.array(func(n int) error {
		if v.Cap() == n {
			v.Grow(1) // as append grows
		}
		v.SetLen(n + 1)
		e := v.Index(n)
		e.SetZero()
		d.push(step{n: n + 1})
		err := d.value(p.elem, e)
		if err == nil {
			d.pop()
		}
		return err
	})
	if err == nil {
		d.checkLength(p.shape, v.Len(), func() string { return "" })
	}
	return err
}

func (d *jsonDecoder) mapping(p *plan, v reflect.Value) error {
	m := reflect.MakeMap(p.typ)
	v.Set(m)
	err := d.object(func(name []byte) error {
		key := reflect.New(p.typ.Key()).Elem()
		key.SetString(string(name))
		if m.MapIndex(key).IsValid() {
			return d.fail("a key is there twice")
		}
		e := reflect.New(p.typ.Elem()).Elem()
		d.push(step{name: key.String(), key: true})
		if p.key != nil {
			d.checkText(p.key, key.String())
		}
		err := d.value(p.elem, e)
		if err == nil {
			d.pop()
			m.SetMapIndex(key, e)
		}
		return err
	})
	if err == nil {
		d.checkLength(p.shape, m.Len(), func() string { return "" })
	}
	return err
}

// blob decodes base64 where it stands: a layer part is tens of megabytes, and is copied once.
func (d *jsonDecoder) blob(p *plan, v reflect.Value) error {
	start := d.pos + 1
	n := bytes.IndexByte(d.data[start:], '"')
	if n < 0 {
		return d.fail("the string does not end")
	}
	raw := d.data[start : start+n]
	out := make([]byte, base64.StdEncoding.DecodedLen(n))
	// A backslash fails here too: escapes ("\/") would be legal JSON, but no encoder writes them in base64. Line ends, which the decoder takes, are not JSON.
	size, err := base64.StdEncoding.Decode(out, raw)
	if err != nil || bytes.IndexByte(raw, '\n') >= 0 || bytes.IndexByte(raw, '\r') >= 0 {
		return d.fail("not base64")
	}
	d.pos = start + n + 1
	v.SetBytes(out[:size])
	d.checkLength(p.shape, size, func() string { return "" })
	return nil
}

// number scans a JSON number.
func (d *jsonDecoder) number() (string, error) {
	start := d.pos
	digits := func() bool {
		from := d.pos
		for c := d.peek(); '0' <= c && c <= '9'; c = d.peek() {
			d.pos++
		}
		return d.pos > from
	}
	if d.peek() == '-' {
		d.pos++
	}
	if d.peek() == '0' {
		d.pos++
	} else if !digits() {
		return "", d.fail("not a number")
	}
	if d.peek() == '.' {
		if d.pos++; !digits() {
			return "", d.fail("not a number")
		}
	}
	if c := d.peek(); c == 'e' || c == 'E' {
		d.pos++
		if c := d.peek(); c == '+' || c == '-' {
			d.pos++
		}
		if !digits() {
			return "", d.fail("not a number")
		}
	}
	return string(d.data[start:d.pos]), nil
}

// text scans a JSON string; what it returns is good until the next call only where the string had escapes, and aliases the body.
func (d *jsonDecoder) text() ([]byte, error) {
	d.pos++
	start := d.pos
	ascii := true
	for ; d.pos < len(d.data); d.pos++ {
		switch c := d.data[d.pos]; {
		case c == '"':
			s := d.data[start:d.pos]
			if !ascii && !utf8.Valid(s) {
				return nil, d.fail("the string is not UTF-8")
			}
			d.pos++
			return s, nil
		case c == '\\':
			return d.escaped(append([]byte(nil), d.data[start:d.pos]...))
		case c < ' ':
			return nil, d.fail("a control character in a string")
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return nil, d.fail("the string does not end")
}

// escaped goes on from the first backslash of a string.
func (d *jsonDecoder) escaped(s []byte) ([]byte, error) {
	for d.pos < len(d.data) {
		c := d.data[d.pos]
		switch {
		case c == '"':
			if !utf8.Valid(s) {
				return nil, d.fail("the string is not UTF-8")
			}
			d.pos++
			return s, nil
		case c < ' ':
			return nil, d.fail("a control character in a string")
		case c != '\\':
			s = append(s, c)
			d.pos++
			continue
		}
		d.pos++
		c = d.peek()
		d.pos++
		switch c {
		case '"', '\\', '/':
			s = append(s, c)
		case 'b':
			s = append(s, '\b')
		case 'f':
			s = append(s, '\f')
		case 'n':
			s = append(s, '\n')
		case 'r':
			s = append(s, '\r')
		case 't':
			s = append(s, '\t')
		case 'u':
			r, ok := d.hex4()
			if ok && utf16.IsSurrogate(r) {
				ok = bytes.HasPrefix(d.data[d.pos:], []byte(`\u`))
				if ok {
					d.pos += 2
					var low rune
					low, ok = d.hex4()
					r = utf16.DecodeRune(r, low)
					ok = ok && r != utf8.RuneError
				}
			}
			if !ok {
				return nil, d.fail("a bad \\u escape")
			}
			s = utf8.AppendRune(s, r)
		default:
			return nil, d.fail("a bad escape")
		}
	}
	return nil, d.fail("the string does not end")
}

func (d *jsonDecoder) hex4() (rune, bool) {
	if len(d.data)-d.pos < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(d.data[d.pos:d.pos+4]), 16, 16)
	d.pos += 4
	return rune(n), err == nil
}

// skip passes over the value of an unknown member.
func (d *jsonDecoder) skip() error {
	switch d.peek() {
	case '{':
		return d.nested('{', "an object", func() error { return d.object(func([]byte) error { return d.skip() }) })
	case '[':
		return d.nested('[', "a list", func() error { return d.array(func(int) error { return d.skip() }) })
	case '"':
		_, err := d.text()
		return err
	case 't':
		return d.literal("true")
	case 'f':
		return d.literal("false")
	case 'n':
		return d.literal("null")
	}
	_, err := d.number()
	return err
}
