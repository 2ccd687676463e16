package policy

import (
	"slices"
	"strings"
)

// ContextKeys returns every condition key that the document asks for, in conditions and in policy variables: what a simulation of it must be given
// (IAMP-1, IAMP-2.3). Keys are spelt as the document first spells them, in ascending order, each once whatever its case. Variables of a document of
// version 2008-10-17 are plain text, and those where none are substituted are none.
func (p *Policy) ContextKeys() []string {
	spelt := map[string]string{}
	note := func(key string) {
		if lower := strings.ToLower(key); key != "" && spelt[lower] == "" {
			spelt[lower] = key
		}
	}
	for i := range p.statements {
		s := &p.statements[i]
		for j := range s.resources {
			if s.resources[j].parts[5].variables {
				noteVariables(s.resources[j].text, note)
			}
		}
		for j := range s.conditions {
			c := &s.conditions[j]
			note(c.name)
			for k := range c.values {
				if c.values[k].pattern.variables {
					noteVariables(c.values[k].text, note)
				}
			}
		}
	}
	keys := make([]string, 0, len(spelt))
	for _, key := range spelt {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// noteVariables calls note with the key of every variable in a value, as written.
func noteVariables(text string, note func(key string)) {
	for {
		at := strings.IndexByte(text, '$')
		if at < 0 {
			return
		}
		text = text[at:]
		v, size := readVariable(text)
		if size == 0 {
			text = text[1:]
			continue
		}
		if v.kind == variable {
			name, _, _ := strings.Cut(text[2:size-1], ",")
			note(strings.TrimSpace(name))
		}
		text = text[size:]
	}
}
