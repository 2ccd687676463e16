package main

import (
	"context"
	"fmt"
	"time"
)

// tagsPage is what a client pays for a page in the middle of a long list of tags. A server that reads all of them for it shows so.
func tagsPage() scenario {
	return scenario{
		name: "tags-page", title: "a page of 1,000 tags of 100,000, 1 client", unit: "pages", targets: []string{"berth", "distribution"}, prepare: prepareMany,
		round: func(ctx context.Context, b *bench, m *measured) error {
			p, err := dial(m.target)
			if err != nil {
				return err
			}
			defer p.close()
			n := 0
			return b.timed(m, func(until time.Time) (int, error) {
				pages := 0
				for ; pages == 0 || time.Now().Before(until); pages++ { // one at the least, however long it takes
					if n += 997; ctx.Err() != nil {
						return pages, ctx.Err()
					}
					path := fmt.Sprintf("%s%s/tags/list?n=1000&last=t%d", m.target.base, many, 10_000+n%80_000)
					if _, err := p.do("GET", path, "", 200); err != nil {
						return pages, err
					}
				}
				return pages, nil
			})
		},
		goals: []goal{{name: "CPU ms a page", figure: cpuFigure, limit: 2}},
	}
}
