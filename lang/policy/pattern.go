package policy

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind uint8

const (
	literal  tokenKind = iota // text stands for itself
	anyOne                    // ? : one code point
	anyRun                    // * : any run, also an empty one
	variable                  // ${text} or ${text, 'fallback'}: replaced by a literal before matching
)

type token struct {
	kind        tokenKind
	hasFallback bool
	text        string // literal text, or the lower-case context key of a variable
	fallback    string
}

// pattern is a value of a policy, taken apart once: literals, wildcards and policy variables.
type pattern struct {
	tokens []token
	// exact: no wildcard and no variable; text is the whole value.
	exact     bool
	variables bool
	// starts: text and then anything, the commonest pattern after an exact one.
	starts bool
	text   string
}

// compile takes value apart. wildcards: * and ? are wildcards; variables: ${…} is substituted (version 2012-10-17 only, IAMP-2.3).
func compile(value string, wildcards, variables bool) pattern {
	p := pattern{exact: true, text: value}
	special := ""
	if wildcards {
		special = "*?"
	}
	if variables {
		special += "$"
	}
	if special == "" || !strings.ContainsAny(value, special) {
		if value != "" {
			p.tokens = []token{{kind: literal, text: value}}
		}
		return p
	}
	lit := func(text string) {
		if text == "" {
			return
		}
		if last := len(p.tokens) - 1; last >= 0 && p.tokens[last].kind == literal {
			p.tokens[last].text += text
			return
		}
		p.tokens = append(p.tokens, token{kind: literal, text: text})
	}
	for rest := value; rest != ""; {
		at := strings.IndexAny(rest, special)
		if at < 0 {
			lit(rest)
			break
		}
		lit(rest[:at])
		char := rest[at]
		switch rest = rest[at:]; char {
		case '*':
			if last := len(p.tokens) - 1; last < 0 || p.tokens[last].kind != anyRun {
				p.tokens = append(p.tokens, token{kind: anyRun})
			}
			rest = rest[1:]
		case '?':
			p.tokens = append(p.tokens, token{kind: anyOne})
			rest = rest[1:]
		default:
			v, size := readVariable(rest)
			switch {
			case size == 0: // a lone $, or unterminated: plain text when evaluating (IAMP-2.3)
				lit("$")
				size = 1
			case v.kind == literal:
				lit(v.text)
			default:
				p.tokens = append(p.tokens, v)
				p.variables = true
			}
			rest = rest[size:]
		}
	}
	p.exact = len(p.tokens) == 0 || len(p.tokens) == 1 && p.tokens[0].kind == literal
	p.starts = len(p.tokens) == 2 && p.tokens[0].kind == literal && p.tokens[1].kind == anyRun
	if p.starts || p.exact && len(p.tokens) == 1 {
		p.text = p.tokens[0].text
	}
	return p
}

// readVariable reads the ${…} that s begins with and returns its length, 0 if it is none. ${*}, ${?} and ${$} are literal characters.
func readVariable(s string) (token, int) {
	if !strings.HasPrefix(s, "${") {
		return token{}, 0
	}
	end := strings.IndexByte(s, '}')
	comma := strings.IndexByte(s, ',')
	if end >= 0 && (comma < 0 || comma > end) {
		switch name := s[2:end]; name {
		case "*", "?", "$":
			return token{kind: literal, text: name}, end + 1
		default:
			return token{kind: variable, text: strings.ToLower(strings.TrimSpace(name))}, end + 1
		}
	}
	if comma < 0 {
		return token{}, 0
	}
	rest := strings.TrimLeft(s[comma+1:], " ")
	if !strings.HasPrefix(rest, "'") {
		if end < 0 {
			return token{}, 0
		}
		return token{kind: variable}, end + 1 // a malformed default: never resolves
	}
	quote := strings.Index(rest[1:], "'}")
	if quote < 0 {
		return token{}, 0
	}
	size := len(s) - len(rest) + 1 + quote + 2
	return token{kind: variable, text: strings.ToLower(strings.TrimSpace(s[2:comma])), fallback: rest[1 : 1+quote], hasFallback: true}, size
}

// resolveBuffer is what a pattern with variables is resolved into on the stack; more tokens than this go to the heap.
type resolveBuffer [16]token

// resolve appends p's tokens with every variable replaced by a literal. ok is false if a variable has no value: its key is absent or
// multi-valued, and it has no default (IAMP-2.3).
func (p *pattern) resolve(into []token, context Context) (tokens []token, ok bool) {
	if !p.variables {
		return p.tokens, true
	}
	for i := range p.tokens {
		t := p.tokens[i]
		if t.kind == variable {
			value := lookup(context, t.text)
			switch {
			case value.Present && !value.Multi && (value.One != "" || !t.hasFallback):
				t = token{kind: literal, text: value.One}
			case t.hasFallback:
				t = token{kind: literal, text: t.fallback}
			default:
				return nil, false
			}
		}
		into = append(into, t)
	}
	return into, true
}

func lookup(context Context, key string) Value {
	if context == nil || key == "" {
		return Value{}
	}
	return context.Lookup(key)
}

// matchString reports whether the pattern, without variables, matches the whole of s.
func (p *pattern) matchString(s string) bool {
	switch {
	case p.exact:
		return p.text == s
	case p.starts:
		return strings.HasPrefix(s, p.text)
	}
	return matchTokens(p.tokens, s, sameCase)
}

// folding says how a literal is compared.
type folding uint8

const (
	sameCase folding = iota
	foldASCII
	foldUnicode
)

// matchTokens matches all of s. It needs at most len(s) times the length of the pattern: a star that was passed is never tried again once
// a later star is reached.
func matchTokens(tokens []token, s string, fold folding) bool {
	pos, next := 0, 0
	star, mark := -1, 0
	for {
		if next < len(tokens) && tokens[next].kind == anyRun {
			if next++; next == len(tokens) {
				return true
			}
			star, mark = next, pos
			continue
		}
		if next == len(tokens) {
			if pos == len(s) {
				return true
			}
		} else if size := tokens[next].consume(s[pos:], fold); size >= 0 {
			pos, next = pos+size, next+1
			continue
		}
		if star < 0 || mark >= len(s) {
			return false
		}
		if fold == sameCase && tokens[star].kind == literal {
			// Jump to where the literal after the star occurs again; the last literal can only stand at the end.
			text := tokens[star].text
			if star == len(tokens)-1 {
				return strings.HasSuffix(s[mark:], text)
			}
			_, width := utf8.DecodeRuneInString(s[mark:])
			at := strings.Index(s[mark+width:], text)
			if at < 0 {
				return false
			}
			mark += width + at
		} else {
			_, width := utf8.DecodeRuneInString(s[mark:])
			mark += width
		}
		pos, next = mark, star
	}
}

// consume returns how many bytes of s the token takes at its beginning, -1 if it does not match there.
func (t *token) consume(s string, fold folding) int {
	if t.kind == anyOne {
		if s == "" {
			return -1
		}
		_, width := utf8.DecodeRuneInString(s)
		return width
	}
	switch fold {
	case foldASCII:
		if len(s) < len(t.text) || !equalFoldASCII(s[:len(t.text)], t.text) {
			return -1
		}
		return len(t.text)
	case foldUnicode:
		return foldPrefix(s, t.text)
	}
	if !strings.HasPrefix(s, t.text) {
		return -1
	}
	return len(t.text)
}

// foldPrefix returns the length of the beginning of s that equals prefix under simple case folding, -1 if there is none.
func foldPrefix(s, prefix string) int {
	size := 0
	for _, want := range prefix {
		if size >= len(s) {
			return -1
		}
		got, width := utf8.DecodeRuneInString(s[size:])
		if got != want && !equalFoldRune(got, want) {
			return -1
		}
		size += width
	}
	return size
}

func equalFoldRune(a, b rune) bool {
	for folded := unicode.SimpleFold(a); folded != a; folded = unicode.SimpleFold(folded) {
		if folded == b {
			return true
		}
	}
	return false
}

// equalFoldASCII compares without regard to the case of A-Z: actions and role names are ASCII, and a Kelvin sign is no k.
func equalFoldASCII(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := len(a) - 1; i >= 0; i-- { // names of one service differ rather at their end
		if x, y := a[i], b[i]; x != y {
			if x |= 0x20; x != y|0x20 || x < 'a' || x > 'z' {
				return false
			}
		}
	}
	return true
}
