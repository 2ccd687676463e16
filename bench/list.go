package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
)

// point is one list of one length on the curve of the scenario "listing": milliseconds that a page of 100 takes, as the client sees it. Lists are walked from
// one end to the other; Begin and End are the medians of the first and of the last pages.
type point struct {
	List       string
	Length     int
	Begin, End float64
}

// ends is how many pages each end of a list has.
const ends = 20

// lengths are those of the lists: a hundredth, a tenth and all of what -many says.
func (b *bench) lengths() []int { return []int{b.many / 100, b.many / 10, b.many} }

func listed(length int) string { return fmt.Sprintf("bench-list-%d", length) }

// prepareLists makes a repository of each length, its images tagged, and among them as many repositories as the second length has images.
func prepareLists(ctx context.Context, b *bench, t *target) error {
	c := ecr.NewFromConfig(t.root)
	lengths := b.lengths()
	create := func(name string) error {
		_, err := c.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: &name})
		return err
	}
	if err := create("bench-list"); err != nil {
		return err
	}
	if err := seed(b, t, "bench-list"); err != nil {
		return err
	}
	for _, length := range lengths {
		if err := create(listed(length)); err != nil {
			return err
		}
	}
	err := t.offline(ctx, func(db *sql.DB) error {
		for _, length := range lengths {
			if err := grow(ctx, db, growth{from: "bench-list", into: listed(length), images: length}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	var n atomic.Int64
	return each(16, func(int) error {
		for {
			i := int(n.Add(1))
			if i > lengths[1] {
				return nil
			}
			if err := create(fmt.Sprintf("bench-of-%06d", i)); err != nil {
				return err
			}
		}
	})
}

// seed pushes the image that is copied.
func seed(b *bench, t *target, repository string) error {
	p, err := dial(t)
	if err != nil {
		return err
	}
	defer p.close()
	config := text([]byte(`{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]}}`))
	layer := b.corpus.blob(smallSize)
	for _, l := range []blob{config, layer} {
		if err := t.put(p, repository, l); err != nil {
			return err
		}
	}
	return p.manifest(repository, "first", manifest(config, []blob{layer}, "0"))
}

// listRound walks every list.
func listRound(ctx context.Context, b *bench, m *measured) error {
	t := m.target
	c := ecr.NewFromConfig(t.root)
	for _, length := range b.lengths() {
		images := ecr.NewDescribeImagesPaginator(c, &ecr.DescribeImagesInput{RepositoryName: aws.String(listed(length)), MaxResults: aws.Int32(100)})
		if err := m.walk("DescribeImages", length, images.HasMorePages, func() (int, error) {
			page, err := images.NextPage(ctx)
			if err != nil {
				return 0, err
			}
			return len(page.ImageDetails), nil
		}); err != nil {
			return err
		}
		p, err := dial(t)
		if err != nil {
			return err
		}
		next := t.base + listed(length) + "/tags/list?n=100"
		err = m.walk("tags/list", length, func() bool { return next != "" }, func() (int, error) {
			h, err := p.do("GET", next, "", 200)
			if err != nil {
				return 0, err
			}
			if next = h.Get("Link"); next != "" {
				if _, err := fmt.Sscanf(next, "<%s", &next); err != nil {
					return 0, err
				}
				next = next[:len(next)-len(">;")]
			}
			return 100, nil
		})
		p.close()
		if err != nil {
			return err
		}
	}
	repositories := ecr.NewDescribeRepositoriesPaginator(c, &ecr.DescribeRepositoriesInput{MaxResults: aws.Int32(100)})
	return m.walk("DescribeRepositories", b.lengths()[1], repositories.HasMorePages, func() (int, error) {
		page, err := repositories.NextPage(ctx)
		if err != nil {
			return 0, err
		}
		return len(page.Repositories), nil
	})
}

// walk reads a list of pages of 100 to its end, and notes what its first and last pages cost. A list of fewer than two pages is refused: it shows nothing.
func (m *measured) walk(list string, length int, more func() bool, page func() (int, error)) error {
	var took []float64
	seen := 0
	for more() {
		start := time.Now()
		n, err := page()
		if err != nil {
			return err
		}
		seen += n
		took = append(took, time.Since(start).Seconds()*1000)
	}
	if len(took) < 2 || seen < length {
		return fmt.Errorf("%s told %d of %d in %d pages: -many must be at least 20,000", list, seen, length, len(took))
	}
	end := min(ends, len(took)/2)
	m.Curve = append(m.Curve, point{list, length, median(took[:end]), median(took[len(took)-end:])})
	return nil
}

// flatFigure is how much more a page costs at the end of the longest list of a kind than at the beginning of the shortest.
func flatFigure(m *measured) []float64 {
	var all []float64
	first := map[string]point{}
	for _, p := range m.Curve {
		if _, known := first[p.List]; !known {
			first[p.List] = p
		}
		all = append(all, p.End/first[p.List].Begin)
	}
	worst := 0.0
	for _, ratio := range all {
		worst = max(worst, ratio)
	}
	return []float64{worst}
}

// printCurve writes what pages cost.
func (m *measured) printCurve(w io.Writer) {
	for _, p := range m.Curve {
		fmt.Fprintf(w, "  %-13s %-21s of %7d: %7.2f ms a page at its beginning, %7.2f ms at its end (%.2f)\n", m.Target, p.List, p.Length, p.Begin, p.End, p.End/p.Begin)
	}
}
