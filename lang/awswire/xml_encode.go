package awswire

import (
	"cmp"
	"encoding/base64"
	"reflect"
	"strconv"
	"unicode/utf8"
)

// appendXML appends the content of v, which p has said to be present, as the query protocol writes it (STS-2): lists as <member>, maps as <entry>, times in ISO 8601.
func appendXML(b []byte, p *plan, v reflect.Value) []byte {
	switch p.kind {
	case structure:
		for i := range p.fields {
			f := &p.fields[i]
			fv, ok := f.plan.present(v.Field(f.index))
			switch {
			case !ok:
			case f.plan.flattened && f.plan.kind == list:
				for i := range fv.Len() {
					b = appendElement(b, cmp.Or(f.plan.element.wire, f.wire), f.plan.elem, fv.Index(i))
				}
			case f.plan.flattened && f.plan.kind == mapping:
				b = appendEntries(b, f.wire, f.plan, fv)
			default:
				b = appendTag(b, f.wire)
				b = appendXML(b, f.plan, fv)
				b = appendEnd(b, f.wire)
			}
		}
	case list:
		for i := range v.Len() {
			b = appendElement(b, cmp.Or(p.element.wire, "member"), p.elem, v.Index(i))
		}
	case mapping:
		b = appendEntries(b, "entry", p, v)
	case text:
		b = appendXMLText(b, v.String())
	case integer:
		b = strconv.AppendInt(b, v.Int(), 10)
	case float:
		b = strconv.AppendFloat(b, v.Float(), 'g', -1, p.typ.Bits())
	case boolean:
		b = strconv.AppendBool(b, v.Bool())
	case timestamp:
		b = timeOf(v).UTC().AppendFormat(b, "2006-01-02T15:04:05Z")
	case blob:
		b = base64.StdEncoding.AppendEncode(b, v.Bytes())
	}
	return b
}

func appendElement(b []byte, name string, p *plan, v reflect.Value) []byte {
	b = appendTag(b, name)
	if e, ok := p.present(v); ok {
		b = appendXML(b, p, e)
	}
	return appendEnd(b, name)
}

func appendEntries(b []byte, name string, p *plan, v reflect.Value) []byte {
	for _, key := range sortedKeys(v) {
		b = appendTag(b, name)
		b = append(b, "<key>"...)
		b = appendXMLText(b, key.String())
		b = append(b, "</key>"...)
		b = appendElement(b, "value", p.elem, v.MapIndex(key))
		b = appendEnd(b, name)
	}
	return b
}

func appendTag(b []byte, name string) []byte {
	return append(append(append(b, '<'), name...), '>')
}

func appendEnd(b []byte, name string) []byte {
	return append(append(append(b, '<', '/'), name...), '>')
}

// appendXMLText escapes s, line ends too; what XML cannot hold becomes U+FFFD (H59).
func appendXMLText(b []byte, s string) []byte {
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '&':
			b = append(b, "&amp;"...)
		case r == '<':
			b = append(b, "&lt;"...)
		case r == '>':
			b = append(b, "&gt;"...)
		case r == '"':
			b = append(b, "&quot;"...)
		case r == '\'':
			b = append(b, "&apos;"...)
		case r == '\t' || r == '\n' || r == '\r':
			b = append(b, "&#x"...)
			b = append(strconv.AppendInt(b, int64(r), 16), ';')
		case r < ' ' || r == 0xfffe || r == 0xffff || r == utf8.RuneError && size == 1:
			b = append(b, "\ufffd"...)
		default:
			b = append(b, s[i:i+size]...)
		}
		i += size
	}
	return b
}
