package audit

import (
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"time"
)

// PutRequestID writes the id of a request that began at a time: a UUID of version 7 (RFC 9562), as text. Its first bits are the millisecond, so that the id says
// where its record is to be looked for. It identifies and protects nothing, so it need not be unguessable. It allocates nothing.
func PutRequestID(id *[36]byte, at time.Time) {
	const digits = "0123456789abcdef"
	a := uint64(at.UnixMilli())<<16 | 0x7000 | rand.Uint64()&0xfff
	b := rand.Uint64()&^(0b11<<62) | 0b10<<62
	n := 0
	for i := range 32 {
		if i == 8 || i == 12 || i == 16 || i == 20 {
			id[n] = '-'
			n++
		}
		word := a
		if i >= 16 {
			word = b
		}
		id[n] = digits[word>>(60-4*(i%16))&15]
		n++
	}
}

// requestTime is the millisecond at which the request with an id began; ok is false for what is no id of a request.
func requestTime(id string) (at time.Time, ok bool) {
	if len(id) != 36 || id[8] != '-' || id[13] != '-' || id[14] != '7' || id[18] != '-' || id[23] != '-' {
		return at, false
	}
	bits, err := hex.DecodeString(strings.ReplaceAll(id, "-", ""))
	if err != nil || len(bits) != 16 {
		return at, false
	}
	ms := int64(0)
	for _, b := range bits[:6] {
		ms = ms<<8 | int64(b)
	}
	return time.UnixMilli(ms), true
}
