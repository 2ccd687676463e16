package awswire

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// plan is a shape joined with the Go type that holds it: where each member lives. Compiled at Bind, so that a request looks nothing up.
type plan struct {
	*shape
	pointer bool         // the Go type is a pointer to typ
	typ     reflect.Type // without the pointer
	fields  []field
	names   map[string]int // wire name to index in fields
	elem    *plan          // list member, map value
}

type field struct {
	member
	index int // in the Go struct
	plan  *plan
	head  string // `"wire":`, for JSON
}

// maxMembers is how many members of one structure a decoder can tick off.
const maxMembers = 128

var timeType = reflect.TypeFor[time.Time]()

// compiler makes plans; a shape may contain itself.
type compiler map[compiled]*plan

type compiled struct {
	shape *shape
	typ   reflect.Type
}

func (c compiler) compile(s *shape, t reflect.Type) (*plan, error) {
	at := compiled{s, t}
	if p := c[at]; p != nil {
		return p, nil
	}
	p := &plan{shape: s, typ: t}
	c[at] = p
	if t.Kind() == reflect.Pointer {
		p.pointer, p.typ = true, t.Elem()
	}
	if !p.fits() {
		return nil, fmt.Errorf("shape %s does not fit into %s", s.name, t)
	}
	var err error
	switch s.kind {
	case list, mapping:
		if s.element.shape == nil {
			return nil, fmt.Errorf("shape %s has no member", s.name)
		}
		p.elem, err = c.compile(s.element.shape, p.typ.Elem())
		return p, err
	case structure:
		if len(s.members) > maxMembers {
			return nil, fmt.Errorf("shape %s has more than %d members", s.name, maxMembers)
		}
		p.names = make(map[string]int, len(s.members))
		for _, m := range s.members {
			name := strings.ToUpper(m.name[:1]) + m.name[1:]
			f, ok := p.typ.FieldByName(name)
			if !ok {
				f, ok = p.typ.FieldByNameFunc(func(n string) bool { return strings.EqualFold(n, name) })
			}
			if !ok || m.shape == nil || len(f.Index) != 1 {
				return nil, fmt.Errorf("%s has no field for member %s of shape %s", p.typ, m.name, s.name)
			}
			fp, err := c.compile(m.shape, f.Type)
			if err != nil {
				return nil, err
			}
			p.names[m.wire] = len(p.fields)
			p.fields = append(p.fields, field{member: m, index: f.Index[0], plan: fp, head: string(appendJSONString(nil, m.wire)) + ":"})
		}
	}
	return p, nil
}

// fits reports whether values of the shape can be kept in the Go type.
func (p *plan) fits() bool {
	k := p.typ.Kind()
	switch p.kind {
	case structure:
		return k == reflect.Struct && p.typ != timeType
	case list:
		return k == reflect.Slice && !p.pointer
	case mapping:
		return k == reflect.Map && p.typ.Key().Kind() == reflect.String && !p.pointer
	case text:
		return k == reflect.String
	case integer:
		return k == reflect.Int32 || k == reflect.Int64
	case float:
		return k == reflect.Float32 || k == reflect.Float64
	case boolean:
		return k == reflect.Bool
	case timestamp:
		return p.typ == timeType
	case blob:
		return k == reflect.Slice && p.typ.Elem().Kind() == reflect.Uint8 && !p.pointer
	}
	return false
}

// settle returns where a value of p goes: the field itself, or what its pointer now points to.
func (p *plan) settle(v reflect.Value) reflect.Value {
	if !p.pointer {
		return v
	}
	n := reflect.New(p.typ)
	v.Set(n)
	return n.Elem()
}

// present returns the value to encode, and whether there is one: pointers, slices and maps may be nil and enumerations empty; plain numbers and booleans are always there (API-3).
func (p *plan) present(v reflect.Value) (reflect.Value, bool) {
	if p.pointer {
		if v.IsNil() {
			return v, false
		}
		return v.Elem(), true
	}
	switch p.kind {
	case list, mapping, blob:
		return v, !v.IsNil()
	case text:
		return v, v.Len() > 0
	case timestamp:
		return v, !v.IsZero()
	}
	return v, true
}

// bodyLimit is how many bytes a body for p may need: what its largest members hold, as the wire writes them (base64, escaped quotes), over a megabyte for the rest (H54).
func (p *plan) bodyLimit() int64 {
	limit := int64(1 << 20)
	for _, f := range p.fields {
		if f.shape.max == nil || *f.shape.max < 64<<10 {
			continue
		}
		switch f.shape.kind {
		case blob:
			limit += int64(*f.shape.max) / 3 * 4
		case text:
			limit += int64(*f.shape.max) * 2
		}
	}
	return limit
}
