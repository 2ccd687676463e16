package awswire

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/berth-registry/berth/fault"
)

const (
	// maxParameters and maxSegments bound the tree that a form becomes.
	maxParameters = 10000
	maxSegments   = 32
)

// node is a form as a tree: "Tags.member.1.Key=k" is a path of it.
type node struct {
	value    string
	set      bool
	children map[string]*node
}

func (n *node) child(name string) *node {
	if n == nil {
		return nil
	}
	return n.children[name]
}

// form is the parameters of a query call, from the URL and, for POST, the body. Faults: MalformedRequest for what cannot be read, and for a name that is there twice in any case,
// so that no two readers can take different ones (H56).
func form(r *http.Request, body []byte) (url.Values, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, fault.New(fault.MalformedRequest, "The query string cannot be read.")
	}
	if len(body) > 0 {
		media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if r.Method != http.MethodPost || media != "application/x-www-form-urlencoded" {
			return nil, fault.New(fault.MalformedRequest, "The body of a query call must be a form sent by POST.")
		}
		if bytes.Count(body, []byte("&")) > maxParameters {
			return nil, fault.New(fault.MalformedRequest, "More than %d parameters.", maxParameters)
		}
		more, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, fault.New(fault.MalformedRequest, "The form in the body cannot be read.")
		}
		for name, v := range more {
			values[name] = append(values[name], v...)
		}
	}
	if len(values) > maxParameters {
		return nil, fault.New(fault.MalformedRequest, "More than %d parameters.", maxParameters)
	}
	names := make(map[string]struct{}, len(values))
	for name, v := range values {
		folded := strings.ToLower(name)
		if _, twice := names[folded]; twice || len(v) > 1 {
			return nil, fault.New(fault.MalformedRequest, "The parameter '%s' is there more than once.", clip(name))
		}
		names[folded] = struct{}{}
		if !utf8.ValidString(name) || !utf8.ValidString(v[0]) {
			return nil, fault.New(fault.MalformedRequest, "The parameters are not UTF-8.")
		}
	}
	return values, nil
}

func tree(values url.Values) (*node, error) {
	root := &node{}
	for name, v := range values {
		if strings.Count(name, ".") >= maxSegments {
			return nil, fault.New(fault.MalformedRequest, "The parameter '%s' is nested too deeply.", clip(name))
		}
		at := root
		for segment := range strings.SplitSeq(name, ".") {
			next := at.children[segment]
			if next == nil {
				next = &node{}
				if at.children == nil {
					at.children = make(map[string]*node)
				}
				at.children[segment] = next
			}
			at = next
		}
		at.value, at.set = v[0], true
	}
	return root, nil
}

// queryDecoder reads a form's tree into an SDK shape. Unknown parameters are ignored, as in JSON.
type queryDecoder struct{ trail }

func (d *queryDecoder) fail(what string) error {
	return fault.New(fault.MalformedRequest, "The parameter '%s' cannot be read: %s", d.path(), what)
}

func (d *queryDecoder) value(p *plan, n *node, v reflect.Value) error {
	switch p.kind {
	case structure:
		v = p.settle(v)
		for i := range p.fields {
			f := &p.fields[i]
			c := n.child(f.wire)
			d.checkPresence(f, c != nil)
			if c == nil {
				continue
			}
			d.push(step{name: f.name})
			if err := d.value(f.plan, c, v.Field(f.index)); err != nil {
				return err
			}
			d.pop()
		}
		return nil
	case list:
		return d.list(p, n, v)
	case mapping:
		return d.mapping(p, n, v)
	}
	if !n.set {
		return d.fail("expected a value and found members")
	}
	shown := func() string { return "'" + clip(n.value) + "'" }
	// A form has no types: what does not read as the member's type is a value that breaks a constraint.
	broken := func(what string) error {
		d.report(p.shape, shown(), violation{constraint: "Member must be " + what})
		return nil
	}
	switch p.kind {
	case text:
		p.settle(v).SetString(n.value)
		d.checkText(p.shape, n.value)
	case integer:
		i, err := strconv.ParseInt(n.value, 10, p.typ.Bits())
		if err != nil {
			return broken("an integer")
		}
		p.settle(v).SetInt(i)
		d.checkNumber(p.shape, float64(i), shown)
	case float:
		f, err := strconv.ParseFloat(n.value, 64)
		if err != nil {
			return broken("a number")
		}
		p.settle(v).SetFloat(f)
		d.checkNumber(p.shape, f, shown)
	case boolean:
		b := strings.EqualFold(n.value, "true")
		if !b && !strings.EqualFold(n.value, "false") {
			return broken("a boolean")
		}
		p.settle(v).SetBool(b)
	case timestamp:
		t, err := time.Parse(time.RFC3339, n.value)
		if err != nil {
			return broken("an ISO 8601 time")
		}
		p.settle(v).Set(reflect.ValueOf(t.UTC()))
	case blob:
		b, err := base64.StdEncoding.DecodeString(n.value)
		if err != nil {
			return broken("base64")
		}
		v.SetBytes(b)
		d.checkLength(p.shape, len(b), func() string { return "" })
	}
	return nil
}

// entries returns the numbered children of n in order.
func (d *queryDecoder) entries(n *node) ([]*node, error) {
	if n == nil {
		return nil, nil
	}
	numbers := make([]int, 0, len(n.children))
	for name := range n.children {
		i, err := strconv.Atoi(name)
		if err != nil || i < 1 || strconv.Itoa(i) != name {
			return nil, d.fail("'" + clip(name) + "' is not a position in a list")
		}
		numbers = append(numbers, i)
	}
	slices.Sort(numbers)
	entries := make([]*node, len(numbers))
	for i, number := range numbers {
		entries[i] = n.children[strconv.Itoa(number)]
	}
	return entries, nil
}

// items finds the entries of a list or map: under "member" or "entry" (or what the model calls it), or directly if the model says flattened. "X=" alone is an empty one.
func (d *queryDecoder) items(p *plan, n *node, under string) ([]*node, error) {
	if n.set && n.value != "" {
		return nil, d.fail("expected members and found a value")
	}
	if !p.flattened {
		n = n.child(under)
	}
	return d.entries(n)
}

func (d *queryDecoder) list(p *plan, n *node, v reflect.Value) error {
	items, err := d.items(p, n, cmp.Or(p.element.wire, "member"))
	if err != nil {
		return err
	}
	v.Set(reflect.MakeSlice(p.typ, len(items), len(items)))
	for i, item := range items {
		d.push(step{n: i + 1})
		if err := d.value(p.elem, item, v.Index(i)); err != nil {
			return err
		}
		d.pop()
	}
	d.checkLength(p.shape, len(items), func() string { return "" })
	return nil
}

func (d *queryDecoder) mapping(p *plan, n *node, v reflect.Value) error {
	items, err := d.items(p, n, "entry")
	if err != nil {
		return err
	}
	m := reflect.MakeMapWithSize(p.typ, len(items))
	v.Set(m)
	for _, item := range items {
		name, value := item.child("key"), item.child("value")
		if name == nil || !name.set || value == nil {
			return d.fail("a map entry needs a key and a value")
		}
		key := reflect.New(p.typ.Key()).Elem()
		key.SetString(name.value)
		if m.MapIndex(key).IsValid() {
			return d.fail("a key is there twice")
		}
		e := reflect.New(p.typ.Elem()).Elem()
		d.push(step{name: name.value, key: true})
		if p.key != nil {
			d.checkText(p.key, name.value)
		}
		if err := d.value(p.elem, value, e); err != nil {
			return err
		}
		d.pop()
		m.SetMapIndex(key, e)
	}
	d.checkLength(p.shape, len(items), func() string { return "" })
	return nil
}
