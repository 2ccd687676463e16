package distribution

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// catalog lists the repositories of the registry that the request names (HTTP-27), called as the client calls them.
func (d *Door) catalog(x *exchange) error {
	q, err := x.query()
	if err != nil {
		return err
	}
	limit, after, err := page(q)
	if err != nil {
		return err
	}
	// Also an empty page is for those who may see a full one.
	repos, next, err := d.Registry.Repositories(x.r.Context(), x.t.Account, x.t.Region, strings.TrimPrefix(after, x.t.Prefix), max(limit, 1))
	if err != nil {
		return err
	}
	if limit == 0 {
		repos, next = nil, ""
	}
	names := make([]string, len(repos))
	for i, r := range repos {
		names[i] = r.Name
	}
	if next != "" {
		x.next("/v2/"+x.t.Prefix+"_catalog", url.Values{"n": {strconv.Itoa(limit)}, "last": {x.t.Prefix + next}})
	}
	body := appendNames([]byte(`{"repositories":[`), x.t.Prefix, names)
	x.json(http.StatusOK, append(body, `]}`...))
	return nil
}
