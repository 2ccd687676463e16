package awswire

import (
	"encoding/base64"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// appendJSON appends v, which p has said to be present, as awsJson1.1 writes it: absent members left out (API-3), times as epoch seconds (API-6), blobs in base64 (API-7).
func appendJSON(b []byte, p *plan, v reflect.Value) []byte {
	switch p.kind {
	case structure:
		b = append(b, '{')
		first := true
		for i := range p.fields {
			f := &p.fields[i]
			fv, ok := f.plan.present(v.Field(f.index))
			if !ok {
				continue
			}
			if !first {
				b = append(b, ',')
			}
			first = false
			b = appendJSON(append(b, f.head...), f.plan, fv)
		}
		return append(b, '}')
	case list:
		b = append(b, '[')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSONElement(b, p.elem, v.Index(i))
		}
		return append(b, ']')
	case mapping:
		b = append(b, '{')
		for i, key := range sortedKeys(v) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendJSONString(b, key.String()), ':')
			b = appendJSONElement(b, p.elem, v.MapIndex(key))
		}
		return append(b, '}')
	case text:
		return appendJSONString(b, v.String())
	case integer:
		return strconv.AppendInt(b, v.Int(), 10)
	case float:
		switch f := v.Float(); {
		case math.IsNaN(f):
			return append(b, `"NaN"`...)
		case math.IsInf(f, 0):
			return append(b, `"Infinity"`...)
		default:
			return strconv.AppendFloat(b, f, 'g', -1, p.typ.Bits())
		}
	case boolean:
		return strconv.AppendBool(b, v.Bool())
	case timestamp:
		return appendEpoch(b, timeOf(v))
	case blob:
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, v.Bytes())
		return append(b, '"')
	}
	return append(b, "null"...)
}

// appendJSONElement appends a member of a list or map, where absence has to be written.
func appendJSONElement(b []byte, p *plan, v reflect.Value) []byte {
	e, ok := p.present(v)
	switch {
	case ok:
		return appendJSON(b, p, e)
	case p.kind == text && !p.pointer:
		return append(b, `""`...)
	}
	return append(b, "null"...)
}

// timeOf takes the time out of v, without boxing it where it has an address.
func timeOf(v reflect.Value) time.Time {
	if v.CanAddr() {
		return *v.Addr().Interface().(*time.Time)
	}
	return v.Interface().(time.Time)
}

func sortedKeys(v reflect.Value) []reflect.Value {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	return keys
}

// appendEpoch writes milliseconds, and only as many digits as they need, never an exponent.
func appendEpoch(b []byte, t time.Time) []byte {
	ms := t.UnixMilli()
	if ms < 0 {
		b = append(b, '-')
		ms = -ms
	}
	b = strconv.AppendInt(b, ms/1000, 10)
	if ms %= 1000; ms != 0 {
		b = append(b, '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
		for b[len(b)-1] == '0' {
			b = b[:len(b)-1]
		}
	}
	return b
}

// plain tells which ASCII characters stand in a string as they are.
var plain = func() (t [utf8.RuneSelf]bool) {
	for c := range t {
		t[c] = c >= ' ' && c != 0x7f && !strings.ContainsRune(`"\<>&`, rune(c))
	}
	return t
}()

// appendJSONString appends s as a JSON string; invalid UTF-8 becomes U+FFFD, and "<", ">", "&" are escaped lest a browser reads them as a page.
func appendJSONString(b []byte, s string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(append(b, s[start:i]...), "\ufffd"...)
				start = i + 1
			}
			i += size
			continue
		}
		if plain[c] {
			i++
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
		i++
		start = i
	}
	return append(append(b, s[start:]...), '"')
}
