package sigv4

import (
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/berth-registry/berth/fault"
)

// dummy stands in for the secret of an unknown key: as long as a real one.
const dummy = "berth/no/such/key/berth/no/such/key/0000"

const unsignedPayload = "UNSIGNED-PAYLOAD"

// maxScratch keeps one request with a very long URL from leaving its buffer behind.
const maxScratch = 64 << 10

// Verify recomputes the signature of r and compares it in constant time. payload is the SHA-256 of the whole body. An empty secret does the same work and fails: unknown keys must
// take as long as wrong signatures (H68).
//
// Host, every X-Amz-* header that is there, and Content-Type beside an X-Amz-Target must be signed (H61). X-Amz-Content-Sha256 must be the body's real hash: UNSIGNED-PAYLOAD and
// STREAMING-… are refused (H63), except that service "s3" takes UNSIGNED-PAYLOAD, and has it implied in a presigned query (API-13).
//
// Faults: SignatureMismatch (API-18).
func (s *Signature) Verify(r *http.Request, k *Keys, secret string, payload [32]byte) error {
	known := secret != ""
	if !known {
		secret = dummy
	}
	b := k.scratch.Get().(*scratch)
	defer func() {
		if cap(b.text) <= maxScratch {
			k.scratch.Put(b)
		}
	}()
	key := k.derive(b, secret, s.Date, s.Region, s.Service)

	payloadText, fit := s.payload(r, payload)
	if !fit {
		return fault.New(fault.SignatureMismatch, "The provided 'x-amz-content-sha256' header does not match what was computed.")
	}
	if name := s.unsigned(r); name != "" {
		return fault.New(fault.SignatureMismatch, "'%s' must be a 'SignedHeader' in the AWS Authorization.", name)
	}

	// The canonical request (API-13), hashed into the string to sign.
	text, ok := s.appendCanonical(b.text[:0], r, payloadText)
	b.text = text
	if !ok {
		return fault.New(fault.SignatureMismatch, mismatch)
	}
	hash := sha256.Sum256(b.text)
	text = append(b.text[:0], make([]byte, sha256.BlockSize)...)
	text = append(text, algorithm+"\n"...)
	text = append(append(text, s.date...), '\n')
	text = append(append(text, s.Date...), '/')
	text = append(append(text, s.Region...), '/')
	text = append(append(text, s.Service...), "/"+terminator+"\n"...)
	b.text = hex.AppendEncode(text, hash[:])
	sum := b.mac(&key)

	var want [2 * sha256.Size]byte
	hex.Encode(want[:], sum[:])
	if subtle.ConstantTimeCompare(want[:], []byte(s.signature)) != 1 || !known {
		return fault.New(fault.SignatureMismatch, mismatch)
	}
	return nil
}

// payload returns the payload hash for the canonical request, and whether what the client says of it is true.
func (s *Signature) payload(r *http.Request, sum [32]byte) (string, bool) {
	said, s3 := r.Header["X-Amz-Content-Sha256"], s.Service == "s3"
	if s3 && (s.Presigned && len(said) == 0 || len(said) == 1 && said[0] == unsignedPayload) {
		return unsignedPayload, true
	}
	computed := hex.EncodeToString(sum[:])
	return computed, len(said) == 0 || len(said) == 1 && said[0] == computed
}

// unsigned names a header of r that is there, must be signed, and is not: what it says would be the network's word and not the caller's (H61).
func (s *Signature) unsigned(r *http.Request) string {
	if !s.covers("host") {
		return "Host"
	}
	var first string
	for name := range r.Header {
		if len(name) > 6 && strings.EqualFold(name[:6], "x-amz-") || name == "Content-Type" && r.Header["X-Amz-Target"] != nil {
			if !s.covers(name) && (first == "" || name < first) {
				first = name
			}
		}
	}
	return first
}

// covers reports whether the signature covers the header; it takes any case of name and does not allocate.
func (s *Signature) covers(name string) bool {
	_, ok := slices.BinarySearchFunc(s.SignedHeaders, name, func(a, b string) int {
		for i := range min(len(a), len(b)) {
			if c := cmp.Compare(a[i], lower(b[i])); c != 0 {
				return c
			}
		}
		return cmp.Compare(len(a), len(b))
	})
	return ok
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// appendCanonical appends the canonical request of r (API-13, H67): what AWS's SDKs sign. It answers false when a signed header is not there.
func (s *Signature) appendCanonical(b []byte, r *http.Request, payload string) ([]byte, bool) {
	b = append(append(b, r.Method...), '\n')
	path := r.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	if s.Service == "s3" { // every other service encodes what is encoded already once more
		b = append(b, path...)
	} else {
		b = appendEscaped(b, path, true)
	}
	b = append(b, '\n')
	if r.URL.RawQuery != "" {
		var ok bool
		if b, ok = s.appendQuery(b, r.URL.RawQuery); !ok {
			return b, false
		}
	}
	b = append(b, '\n')
	for _, name := range s.SignedHeaders {
		b = append(append(b, name...), ':')
		switch values := header(r, name); {
		case name == "host":
			b = appendTrimmed(b, r.Host)
		case len(values) > 0:
			for i, value := range values {
				if i > 0 {
					b = append(b, ',')
				}
				b = appendTrimmed(b, value)
			}
		case name == "content-length" && r.ContentLength >= 0:
			b = strconv.AppendInt(b, r.ContentLength, 10)
		default:
			return b, false
		}
		b = append(b, '\n')
	}
	b = append(b, '\n')
	b = append(append(b, s.names...), '\n')
	return append(b, payload...), true
}

// header returns the values of the header with the lower-case name, without allocating its canonical name.
func header(r *http.Request, name string) []string {
	var buf [64]byte
	if len(name) > len(buf) {
		return r.Header.Values(name)
	}
	up := true
	for i := range len(name) {
		c := name[i]
		if up && 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		up = c == '-'
		buf[i] = c
	}
	return r.Header[string(buf[:len(name)])]
}

// appendQuery appends the canonical query: names and values decoded, encoded as RFC 3986 has it, and sorted in that form.
func (s *Signature) appendQuery(b []byte, raw string) ([]byte, bool) {
	query, err := url.ParseQuery(raw) // strict: a pair that were dropped here would not be signed
	if err != nil {
		return b, false
	}
	pairs := make([][2]string, 0, len(query))
	for name, values := range query {
		if s.Presigned && name == "X-Amz-Signature" {
			continue
		}
		name = string(appendEscaped(nil, name, false))
		for _, value := range values {
			pairs = append(pairs, [2]string{name, string(appendEscaped(nil, value, false))})
		}
	}
	slices.SortFunc(pairs, func(a, b [2]string) int { return cmp.Or(strings.Compare(a[0], b[0]), strings.Compare(a[1], b[1])) })
	for i, pair := range pairs {
		if i > 0 {
			b = append(b, '&')
		}
		b = append(append(append(b, pair[0]...), '='), pair[1]...)
	}
	return b, true
}

// appendEscaped percent-encodes all but RFC 3986's unreserved characters, and "/" in a path.
func appendEscaped(b []byte, s string, path bool) []byte {
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~' || path && c == '/' {
			b = append(b, c)
		} else {
			b = append(b, '%', "0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&15])
		}
	}
	return b
}

// appendTrimmed appends a header's value without space around it, runs of spaces inside as one.
func appendTrimmed(b []byte, s string) []byte {
	s = strings.TrimSpace(s)
	for i := range len(s) {
		if s[i] == ' ' && s[i-1] == ' ' {
			continue
		}
		b = append(b, s[i])
	}
	return b
}
