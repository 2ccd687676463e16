package server

import (
	"fmt"
	"strconv"
	"strings"
)

// Rate is how many bytes a second something may read; 0 is none.
type Rate int64

// UnmarshalText reads "10MB/s"; the time may be left out. Units are of a thousand.
func (r *Rate) UnmarshalText(text []byte) error {
	s := strings.TrimSuffix(strings.TrimSpace(string(text)), "/s")
	factor := int64(1)
	for _, unit := range []struct {
		name   string
		factor int64
	}{{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}} {
		if rest, ok := strings.CutSuffix(s, unit.name); ok {
			s, factor = rest, unit.factor
			break
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil || n < 0 || n > 1e12/factor {
		return fmt.Errorf("%q is no rate such as 10MB/s, or 0", text)
	}
	*r = Rate(n * factor)
	return nil
}
