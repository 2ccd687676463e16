package policy

import (
	"encoding/base64"
	"net/netip"
	"strings"
	"time"
)

// decimal is a number as exact text, so that no float rounds it: comparing amounts is comparing digits (IAMP-2.2).
type decimal struct {
	negative        bool
	whole, fraction string // without leading and trailing zeros
}

// parseDecimal reads an optional sign and decimals.
func parseDecimal(s string) (decimal, bool) {
	var d decimal
	if s != "" && (s[0] == '-' || s[0] == '+') {
		d.negative = s[0] == '-'
		s = s[1:]
	}
	whole, fraction, dot := strings.Cut(s, ".")
	if !digits(whole) || !digits(fraction) || whole == "" && fraction == "" || dot && fraction == "" {
		return decimal{}, false
	}
	d.whole, d.fraction = strings.TrimLeft(whole, "0"), strings.TrimRight(fraction, "0")
	if d.whole == "" && d.fraction == "" {
		d.negative = false
	}
	return d, true
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func (d decimal) compare(other decimal) int {
	if d.negative != other.negative {
		if d.negative {
			return -1
		}
		return 1
	}
	order := len(d.whole) - len(other.whole)
	if order == 0 {
		order = strings.Compare(d.whole, other.whole)
	}
	if order == 0 {
		order = strings.Compare(d.fraction, other.fraction)
	}
	if d.negative {
		return -order
	}
	return order
}

// instant is a point in time; nanoseconds are 0 to 999999999.
type instant struct{ seconds, nanoseconds int64 }

func (i instant) compare(other instant) int {
	switch {
	case i.seconds != other.seconds:
		if i.seconds < other.seconds {
			return -1
		}
		return 1
	case i.nanoseconds < other.nanoseconds:
		return -1
	case i.nanoseconds > other.nanoseconds:
		return 1
	}
	return 0
}

// parseInstant reads a W3C NOTE-datetime (YYYY to YYYY-MM-DDThh:mm:ss.fTZD) or integer epoch seconds (IAMP-2.2). Four digits are a year.
func parseInstant(s string) (instant, bool) {
	if unsigned := strings.TrimPrefix(s, "-"); len(s) != 4 && unsigned != "" && len(unsigned) < 16 && digits(unsigned) {
		var seconds int64
		for i := range len(unsigned) {
			seconds = seconds*10 + int64(unsigned[i]-'0')
		}
		if unsigned != s {
			seconds = -seconds
		}
		return instant{seconds: seconds}, true
	}
	r := scanner{rest: s, ok: true}
	year, month, day := r.digits(4), 1, 1
	if r.literal('-') {
		month = r.digits(2)
		if r.literal('-') {
			day = r.digits(2)
		}
	}
	hour, minute, second, offset := 0, 0, 0, 0
	var nanoseconds int64
	if r.ok && len(s) >= 10 && r.literal('T') {
		hour = r.digits(2)
		if !r.literal(':') {
			return instant{}, false
		}
		minute = r.digits(2)
		if r.literal(':') {
			second = r.digits(2)
			if r.literal('.') {
				nanoseconds = r.fraction()
			}
		}
		switch {
		case r.literal('Z'):
		case r.literal('+'):
			offset = r.zone()
		case r.literal('-'):
			offset = -r.zone()
		default:
			return instant{}, false
		}
	}
	if !r.ok || r.rest != "" || month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 60 {
		return instant{}, false
	}
	if day > time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day() {
		return instant{}, false
	}
	at := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC).Unix() - int64(offset)
	return instant{seconds: at, nanoseconds: nanoseconds}, true
}

type scanner struct {
	rest string
	ok   bool
}

func (s *scanner) literal(char byte) bool {
	if s.rest != "" && s.rest[0] == char {
		s.rest = s.rest[1:]
		return true
	}
	return false
}

func (s *scanner) digits(count int) int {
	if len(s.rest) < count || !digits(s.rest[:count]) {
		s.ok = false
		return 0
	}
	value := 0
	for i := range count {
		value = value*10 + int(s.rest[i]-'0')
	}
	s.rest = s.rest[count:]
	return value
}

// fraction reads decimals of a second; more than nine are cut off.
func (s *scanner) fraction() int64 {
	var value int64
	count := 0
	for ; s.rest != "" && s.rest[0] >= '0' && s.rest[0] <= '9'; s.rest = s.rest[1:] {
		if count < 9 {
			value = value*10 + int64(s.rest[0]-'0')
			count++
		}
	}
	if count == 0 {
		s.ok = false
	}
	for ; count < 9; count++ {
		value *= 10
	}
	return value
}

// zone reads hh:mm and returns seconds.
func (s *scanner) zone() int {
	hours := s.digits(2)
	if !s.literal(':') {
		s.ok = false
	}
	minutes := s.digits(2)
	if hours > 23 || minutes > 59 {
		s.ok = false
	}
	return hours*3600 + minutes*60
}

// parsePrefix reads a CIDR; a bare address is a range of one. IPv4 in IPv6 (::ffff:a.b.c.d) is IPv4.
func parsePrefix(s string) (netip.Prefix, bool) {
	if !strings.Contains(s, "/") {
		addr, ok := parseAddress(s)
		return netip.PrefixFrom(addr, addr.BitLen()), ok
	}
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, false
	}
	if addr := prefix.Addr(); addr.Is4In6() && prefix.Bits() >= 96 {
		prefix = netip.PrefixFrom(addr.Unmap(), prefix.Bits()-96)
	}
	return prefix.Masked(), true
}

func parseAddress(s string) (netip.Addr, bool) {
	// A zone means nothing to a remote peer, and text that is no address would cost an error value.
	for i := range len(s) {
		if char := s[i]; char != '.' && char != ':' && (char < '0' || char > '9') && (char|0x20 < 'a' || char|0x20 > 'f') {
			return netip.Addr{}, false
		}
	}
	addr, err := netip.ParseAddr(s)
	return addr.Unmap(), err == nil
}

// parseBool reads true or false in any case.
func parseBool(s string) (value, ok bool) {
	switch {
	case equalFoldASCII(s, "true"):
		return true, true
	case equalFoldASCII(s, "false"):
		return false, true
	}
	return false, false
}

func decodeBase64(s string) (string, bool) {
	decoded, err := base64.StdEncoding.DecodeString(s)
	return string(decoded), err == nil
}

// equalBase64 reports whether s is base64 of want; ok is false if s is no base64. It decodes without a buffer.
func equalBase64(s, want string) (equal, ok bool) {
	if len(s)%4 != 0 {
		return false, false
	}
	s = strings.TrimSuffix(strings.TrimSuffix(s, "="), "=")
	equal = true
	var bits, count uint
	done := 0
	for i := range len(s) {
		var value uint
		switch char := s[i]; {
		case char >= 'A' && char <= 'Z':
			value = uint(char - 'A')
		case char >= 'a' && char <= 'z':
			value = uint(char-'a') + 26
		case char >= '0' && char <= '9':
			value = uint(char-'0') + 52
		case char == '+':
			value = 62
		case char == '/':
			value = 63
		default:
			return false, false
		}
		if bits, count = bits<<6|value, count+6; count >= 8 {
			count -= 8
			if done >= len(want) || want[done] != byte(bits>>count) {
				equal = false
			}
			done++
		}
	}
	return equal && done == len(want), true
}
