package distribution

import (
	"net/http"
	"net/url"
	"strconv"
)

// tags lists a repository's tags in lexical order, a page at a time (HTTP-26).
func (d *Door) tags(x *exchange) error {
	q, err := x.query()
	if err != nil {
		return err
	}
	limit, after, err := page(q)
	if err != nil {
		return err
	}
	repo, err := d.open(x, "ecr:ListImages")
	if err != nil {
		return err
	}
	var names []string
	if limit > 0 { // n=0 is an empty page without a next one (distribution specification, "Listing Tags")
		var more bool
		if names, more, err = repo.TagNames(x.r.Context(), after, limit); err != nil {
			return err
		}
		if more {
			x.next(x.url("/tags/list"), url.Values{"n": {strconv.Itoa(limit)}, "last": {names[len(names)-1]}})
		}
	}
	// Names and tags hold nothing that JSON must escape.
	body := append([]byte(`{"name":"`), x.t.Prefix+x.name...)
	body = appendNames(append(body, `","tags":[`...), "", names)
	x.json(http.StatusOK, append(body, `]}`...))
	return nil
}

// appendNames appends names as elements of a JSON array, each with prefix before it.
func appendNames(out []byte, prefix string, names []string) []byte {
	for i, name := range names {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(append(out, '"'), prefix...), name...), '"')
	}
	return out
}
