package distribution

import (
	"testing"

	"github.com/berth-registry/berth/fault"
)

// H07, H08, H09, RFC 9110 section 14.
func TestParseRange(t *testing.T) {
	const size = 5000
	whole := extent{0, size, false}
	for _, c := range []struct {
		header string
		want   extent
		bad    bool
	}{
		{"bytes=0-9", extent{0, 10, true}, false},
		{"bytes=4990-", extent{4990, 10, true}, false},
		{"bytes=-10", extent{4990, 10, true}, false},
		{"bytes=-9999", extent{0, size, true}, false},
		{"bytes=0-", extent{0, size, true}, false},
		{"bytes=4999-4999", extent{4999, 1, true}, false},
		{"bytes=4000-9999", extent{4000, 1000, true}, false},
		{"Bytes= 0-0 ", extent{0, 1, true}, false},
		{"bytes=5000-", extent{}, true},
		{"bytes=5000-6000", extent{}, true},
		{"bytes=9-2", extent{}, true},
		{"bytes=-0", extent{}, true},
		{"bytes=0-99999999999999999999", extent{}, true},
		{"bytes=99999999999999999999-", extent{}, true},
		{"lines=0-1", whole, false},
		{"bytes=0-1,3-4", whole, false},
		{"bytes=", whole, false},
		{"bytes=-", whole, false},
		{"bytes=a-b", whole, false},
		{"bytes=1-2-3", whole, false},
		{"bytes=--5", whole, false},
		{"bytes 0-9", whole, false},
		{"", whole, false},
	} {
		got, err := parseRange(c.header, size)
		if c.bad != fault.Is(err, fault.RangeInvalid) || got != c.want {
			t.Errorf("%q: %+v, %v, want %+v", c.header, got, err, c.want)
		}
	}
	for _, header := range []string{"bytes=0-0", "bytes=-1", "bytes=0-"} {
		if got, err := parseRange(header, 0); !fault.Is(err, fault.RangeInvalid) {
			t.Errorf("%q of nothing: %+v, %v", header, got, err)
		}
	}
}

func FuzzParseRange(f *testing.F) {
	f.Add("bytes=0-9", int64(10))
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size < 0 {
			return
		}
		e, err := parseRange(header, size)
		if err == nil && (e.first < 0 || e.length < 0 || e.first > size-e.length || e.partial && e.length == 0) {
			t.Errorf("%q of %d: %+v", header, size, e)
		}
	})
}

// H21.
func TestParseContentRange(t *testing.T) {
	if first, length, err := parseContentRange("10-19"); err != nil || first != 10 || length != 10 {
		t.Errorf("10-19: %d, %d, %v", first, length, err)
	}
	for _, header := range []string{"", "-", "1-", "-1", "9-2", "a-b", "bytes 0-9/10", "0-9/10", "0-99999999999999999999", "0-9-9", " 0-9"} {
		if _, _, err := parseContentRange(header); !fault.Is(err, fault.SizeInvalid) {
			t.Errorf("%q: %v, want SizeInvalid", header, err)
		}
	}
}

// RFC 9110, 13.1.2.
func TestIfNoneMatch(t *testing.T) {
	for _, header := range []string{`"` + aDigest + `"`, `W/"` + aDigest + `"`, aDigest, "*", `"x", "` + aDigest + `"`} {
		if !matches([]string{header}, aDigest) {
			t.Errorf("%s does not match", header)
		}
	}
	for _, header := range []string{"", `"x"`, `"`, `"` + aDigest, ",,"} {
		if matches([]string{header}, aDigest) {
			t.Errorf("%s matches", header)
		}
	}
}
