package iam

// Page says which part of a list is wanted (IAM-10).
type Page struct {
	// After is what the page before ended with; "" is the first page. Doors hand it out sealed.
	After string
	// Max is the most entries that the page may hold; 0 is 100, more than 1000 is 1000.
	Max int
}

func (p Page) limit() int {
	switch {
	case p.Max <= 0:
		return 100
	case p.Max > 1000:
		return 1000
	}
	return p.Max
}

// cut takes the entry too many off a page, which tells that there is another, and returns where that one begins; "" if it was the last.
func cut[T any](p Page, entries []T, key func(*T) string) ([]T, string) {
	if n := p.limit(); len(entries) > n {
		return entries[:n], key(&entries[n-1])
	}
	return entries, ""
}
