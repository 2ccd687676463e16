package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"sync"
)

// Keys caches derived signing keys, so that a request costs two hashes and not ten. An entry belongs to a secret, date, region and service, never to an access key id: a key id
// that comes back with another secret must not be verified with the old one. Safe for concurrent use.
type Keys struct {
	mu sync.RWMutex
	// Two generations bound the cache without bookkeeping per use: when young is full it becomes old, and what old held is forgotten. What is in use moves to young again.
	young, old map[[32]byte][32]byte
	half       int
	scratch    sync.Pool // *scratch, what a verification writes into
}

// NewKeys makes a cache of at most size keys; one key is about 100 bytes.
func NewKeys(size int) *Keys {
	k := &Keys{half: max(size/2, 1)}
	k.young = make(map[[32]byte][32]byte)
	k.scratch.New = func() any { return new(scratch) }
	return k
}

// derive returns the signing key: HMAC over date, region, service and the terminator, starting from the secret.
func (k *Keys) derive(b *scratch, secret, date, region, service string) [32]byte {
	// Lengths in front keep two scopes from running into the same name.
	b.text = b.text[:0]
	for _, part := range [...]string{secret, date, region, service} {
		b.text = binary.BigEndian.AppendUint32(b.text, uint32(len(part)))
		b.text = append(b.text, part...)
	}
	name := sha256.Sum256(b.text)
	clear(b.text) // the secret
	k.mu.RLock()
	key, ok := k.young[name]
	if ok {
		k.mu.RUnlock()
		return key
	}
	key, ok = k.old[name]
	k.mu.RUnlock()
	if !ok {
		step := mac([]byte("AWS4"+secret), []byte(date))
		step = mac(step[:], []byte(region))
		step = mac(step[:], []byte(service))
		key = mac(step[:], []byte(terminator))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.young) >= k.half {
		k.old, k.young = k.young, make(map[[32]byte][32]byte, k.half)
	}
	k.young[name] = key
	return key
}

func mac(key, text []byte) (sum [32]byte) {
	h := hmac.New(sha256.New, key)
	h.Write(text)
	h.Sum(sum[:0])
	return sum
}

// scratch is what one verification writes into; a block of it in front of text leaves room for HMAC's padded key.
type scratch struct {
	text  []byte
	outer [sha256.BlockSize + sha256.Size]byte
}

// mac is HMAC-SHA256 of b.text with key, on the buffers of b: crypto/hmac allocates two hash states for each message, which is most of what a warm verification would cost.
// b.text must begin with sha256.BlockSize bytes of room.
func (b *scratch) mac(key *[32]byte) [32]byte {
	inner, outer := b.text[:sha256.BlockSize], b.outer[:]
	for i := range sha256.BlockSize {
		var c byte
		if i < len(key) {
			c = key[i]
		}
		inner[i], outer[i] = c^0x36, c^0x5c
	}
	sum := sha256.Sum256(b.text)
	copy(outer[sha256.BlockSize:], sum[:])
	return sha256.Sum256(outer)
}
