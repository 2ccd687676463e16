package lifecycle

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"
)

// value is a JSON value and where it begins.
type value struct {
	at      int // bytes from 0
	kind    string
	text    string   // of a string, or of a number as it was written
	members []member // of an object, in order
	items   []value  // of an array
}

// member is one member of an object.
type member struct {
	at   int
	name string
	value
}

// get returns the member called name; nil without.
func (v *value) get(name string) *value {
	for i := range v.members {
		if v.members[i].name == name {
			return &v.members[i].value
		}
	}
	return nil
}

// maxDepth bounds how deep values nest: a policy has four levels.
const maxDepth = 16

var errDepth = errors.New("it nests too deeply")

// read reads one JSON value and nothing behind it. The error's place is that of the last byte that could be read.
func read(text []byte) (*value, int, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	v, err := readValue(d, text, maxDepth)
	if err == nil {
		if _, end := d.Token(); end != io.EOF {
			err = errors.New("something follows the policy")
		}
	}
	if err != nil {
		at := int(d.InputOffset())
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			at = max(0, int(syntax.Offset)-1)
		}
		return nil, min(at, len(text)), err
	}
	return &v, 0, nil
}

func readValue(d *json.Decoder, text []byte, depth int) (value, error) {
	if depth == 0 {
		return value{}, errDepth
	}
	v := value{at: next(text, int(d.InputOffset()))}
	token, err := d.Token()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return v, err
	}
	switch token := token.(type) {
	case string:
		v.kind, v.text = "string", token
	case json.Number:
		v.kind, v.text = "number", token.String()
		if _, err := token.Int64(); err == nil {
			v.kind = "integer"
		}
	case bool:
		v.kind = "boolean"
	case nil:
		v.kind = "null"
	case json.Delim:
		v.kind = "object"
		if token == '[' {
			v.kind = "array"
		}
		for d.More() {
			m := member{at: next(text, int(d.InputOffset()))}
			if v.kind == "object" {
				name, err := d.Token()
				if err != nil {
					return v, err
				}
				m.name, _ = name.(string)
				if v.get(m.name) != nil {
					return v, errors.New("a member is there twice")
				}
			}
			if m.value, err = readValue(d, text, depth-1); err != nil {
				return v, err
			}
			if v.kind == "object" {
				v.members = append(v.members, m)
			} else {
				v.items = append(v.items, m.value)
			}
		}
		if _, err := d.Token(); err != nil {
			return v, err
		}
	}
	return v, nil
}

// next is where the next token begins: behind white space and what separates values.
func next(text []byte, at int) int {
	for at < len(text) && bytes.IndexByte([]byte(" \t\r\n,:"), text[at]) >= 0 {
		at++
	}
	return at
}

// place is a byte's line and column, from 1, the column in code points.
func place(text []byte, at int) (line, column int) {
	before := text[:min(at, len(text))]
	line = 1 + bytes.Count(before, []byte{'\n'})
	return line, 1 + utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:])
}
