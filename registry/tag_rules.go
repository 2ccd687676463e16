package registry

import (
	"context"
	"errors"
	"regexp"
	"regexp/syntax"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/storage/sql"
)

// patternInstructions bounds the program that a pattern becomes: its memory, and with the length of a tag the time that it takes.
const patternInstructions = 2000

// tagRules say which tags a repository takes, and which of them may move.
type tagRules struct {
	TagMutability
	pattern string // "" takes every tag
}

// tagRules reads the rules as they are in this transaction: a push that began before the repository became immutable must not move a tag after it.
func (r *Repo) tagRules(tx *sql.Tx) (tagRules, error) {
	now, err := r.g.scanRepository(func(dest ...any) error {
		return tx.Row(selectRepository+` WHERE id = $1 AND account <> ''`, sql.Args(r.ID), dest...)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return tagRules{}, r.notFound()
	}
	if err != nil {
		return tagRules{}, err
	}
	return tagRules{now.Mutability, now.TagPattern}, nil
}

// allow answers TagInvalid for a tag that the repository does not take.
func (t tagRules) allow(tag string) error {
	if t.pattern == "" {
		return nil
	}
	p, err := compileTagPattern(t.pattern)
	if err != nil {
		return err
	}
	if p.MatchString(tag) {
		return nil
	}
	return fault.New(fault.TagInvalid, "Invalid parameter at 'imageTag' failed to satisfy constraint: 'tags of this repository must match the pattern %s'", t.pattern)
}

// compileTagPattern makes of a pattern what whole tags match. The fault is InvalidParameter.
func compileTagPattern(pattern string) (*regexp.Regexp, error) {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err == nil {
		var program *syntax.Prog
		if program, err = syntax.Compile(parsed.Simplify()); err == nil && len(program.Inst) > patternInstructions {
			err = errors.New("the pattern is too large")
		}
	}
	if err != nil {
		return nil, fault.New(fault.InvalidParameter, "Invalid parameter at 'tagPattern' failed to satisfy constraint: 'must be a regular expression: %v'", err)
	}
	return regexp.Compile(`^(?:` + pattern + `)$`)
}

// SetTagPattern demands of each tag that is pushed from now on that it matches a regular expression (RE2) as a whole; "" demands nothing. Tags that are there stay.
// AWS has no such thing. The fault is InvalidParameter.
func (r *Repo) SetTagPattern(ctx context.Context, pattern string) error {
	if len(pattern) > 500 {
		return invalid("tagPattern", "Member must have length less than or equal to 500")
	}
	if _, err := compileTagPattern(pattern); err != nil {
		return err
	}
	return r.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec(`UPDATE repository SET tag_pattern = $1 WHERE id = $2`, pattern, r.ID); err != nil {
			return err
		}
		return r.g.changed(tx, r.Ref)
	})
}
