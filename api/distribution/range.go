package distribution

import (
	"math"
	"strings"

	"github.com/berth-registry/berth/fault"
)

// extent is the part of a blob that an answer holds.
type extent struct {
	first, length int64
	partial       bool // 206, not 200
}

// parseRange reads a Range header for content of size bytes (RFC 9110, 14.2). One range of bytes, also a suffix, is honoured; the whole content answers
// an unknown unit, a header that makes no sense, and several ranges at once, which would let a small request have a large answer made (H07 to H09). A
// range that lies outside the content, runs backwards or holds a number that no file can reach is the fault RangeInvalid.
func parseRange(header string, size int64) (extent, error) {
	whole := extent{0, size, false}
	const unit = "bytes="
	if len(header) < len(unit) || !strings.EqualFold(header[:len(unit)], unit) || strings.IndexByte(header, ',') >= 0 {
		return whole, nil
	}
	from, to, ok := strings.Cut(strings.Trim(header[len(unit):], " \t"), "-")
	if !ok {
		return whole, nil
	}
	first, hasFirst, ok1 := offset(from)
	last, hasLast, ok2 := offset(to)
	switch {
	case !ok1 || !ok2 || !hasFirst && !hasLast:
		return whole, nil
	case first == math.MaxInt64 || last == math.MaxInt64:
		return extent{}, outside()
	case !hasFirst: // the last bytes
		if last == 0 || size == 0 {
			return extent{}, outside()
		}
		length := min(last, size)
		return extent{size - length, length, true}, nil
	case first >= size, hasLast && last < first:
		return extent{}, outside()
	case !hasLast || last >= size:
		last = size - 1
	}
	return extent{first, last - first + 1, true}, nil
}

func outside() error {
	return fault.New(fault.RangeInvalid, "The requested range lies outside the content")
}

// offset reads decimal digits. given is false for "", ok is false for anything else that is not digits. A number too large is math.MaxInt64.
func offset(s string) (n int64, given, ok bool) {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c < '0' || c > '9' {
			return 0, false, false
		}
		if n > (math.MaxInt64-9)/10 {
			n = math.MaxInt64
			continue
		}
		n = 10*n + int64(c-'0')
	}
	return n, s != "", true
}

// parseContentRange reads the Content-Range of a chunk, "first-last" with both ends included (distribution specification, "Pushing a blob in chunks").
// Its fault is SizeInvalid (H21).
func parseContentRange(header string) (first, length int64, err error) {
	from, to, _ := strings.Cut(header, "-")
	first, has1, ok1 := offset(from)
	last, has2, ok2 := offset(to)
	if !ok1 || !ok2 || !has1 || !has2 || last < first || last == math.MaxInt64 {
		return 0, 0, fault.New(fault.SizeInvalid, "Invalid Content-Range: it must be the first and the last byte's position, as 0-1023")
	}
	return first, last - first + 1, nil
}

// matches reports whether an If-None-Match header names the digest (RFC 9110, 13.1.2). Unquoted digests count too: some clients send back
// Docker-Content-Digest.
func matches(header []string, digest string) bool {
	for _, line := range header {
		for line != "" {
			var tag string
			tag, line, _ = strings.Cut(line, ",")
			tag = strings.TrimPrefix(strings.Trim(tag, " \t"), "W/")
			if len(tag) >= 2 && tag[0] == '"' && tag[len(tag)-1] == '"' {
				tag = tag[1 : len(tag)-1]
			}
			if tag == digest || tag == "*" {
				return true
			}
		}
	}
	return false
}
