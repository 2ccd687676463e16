package org

// Page says which part of a list is wanted (ORG-25).
type Page struct {
	// After is what the page before ended with; "" is the first page. Doors hand it out sealed.
	After string
	// Max is the most entries that the page may hold; 0 and more than 20 are 20.
	Max int
}

func (p Page) limit() int {
	if p.Max <= 0 || p.Max > 20 {
		return 20
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
