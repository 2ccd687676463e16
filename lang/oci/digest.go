package oci

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"

	"github.com/berth-registry/berth/fault"
)

// Digest names content by its hash: "sha256:" and 64 lower-case hex digits. A value made by ParseDigest, FromBytes or FromHash is always well-formed, so
// that its Hex may stand in a file name. The empty Digest means "none".
type Digest string

const (
	digestPrefix = "sha256:"
	digestLength = len(digestPrefix) + 2*sha256.Size
)

// ParseDigest reads a digest of the only algorithm that berth computes (API-25, H05, H06). Its fault is DigestInvalid. A well-formed digest of another
// algorithm has a message of its own, because the person who sees it did nothing wrong but choose.
func ParseDigest(s string) (Digest, error) {
	if len(s) == digestLength && s[:len(digestPrefix)] == digestPrefix && isLowerHex(s[len(digestPrefix):]) {
		return Digest(s), nil
	}
	if otherAlgorithm(s) {
		return "", fault.New(fault.DigestInvalid, "Invalid digest: only the algorithm sha256 is supported")
	}
	return "", fault.New(fault.DigestInvalid, "Invalid digest: it must be 'sha256:' and 64 lower-case hexadecimal digits")
}

// FromBytes is the digest of b.
func FromBytes(b []byte) Digest {
	sum := sha256.Sum256(b)
	return encodeSum(sum[:])
}

// FromHash is the digest of what was written to h, which must be a SHA-256.
func FromHash(h hash.Hash) Digest {
	var sum [sha256.Size]byte
	return encodeSum(h.Sum(sum[:0]))
}

// Hex is the digest's hexadecimal part: 64 lower-case digits, "" for the empty Digest.
func (d Digest) Hex() string {
	if len(d) <= len(digestPrefix) {
		return ""
	}
	return string(d[len(digestPrefix):])
}

func encodeSum(sum []byte) Digest {
	var out [digestLength]byte
	copy(out[:], digestPrefix)
	hex.Encode(out[len(digestPrefix):], sum)
	return Digest(out[:])
}

func isLowerHex(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// otherAlgorithm reports whether s follows the grammar of the OCI image specification, algorithm ":" encoded, with an algorithm that is not ours.
func otherAlgorithm(s string) bool {
	colon := -1
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
		case colon < 0 && c == ':':
			colon = i
		case colon < 0 && i > 0 && (c == '+' || c == '.' || c == '_' || c == '-'):
		case colon >= 0 && ('A' <= c && c <= 'Z' || c == '=' || c == '_' || c == '-'):
		default:
			return false
		}
	}
	return colon > 0 && colon < len(s)-1 && s[:colon+1] != digestPrefix
}
