package iam

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/storage/turn"
)

// stretcher makes and checks hashes of the passwords of people, by argon2id (RFC 9106). A hash takes tens of milliseconds and 19 MiB, which is what makes
// stolen hashes hard to guess; so only a few are made at a time, whoever asks.
type stretcher struct{ slots chan struct{} }

const (
	stretchAtOnce = 2
	// stretchWait is how long a caller waits for its turn. More callers than can be served in it are too many.
	stretchWait = 5 * time.Second

	// The cost of new hashes. It stands with each hash, so that it may rise later. mostStretchMemory bounds what a stored hash may ask for.
	stretchMemory     = 19 << 10 // KiB
	stretchTime       = 2
	stretchLanes      = 1
	mostStretchMemory = 1 << 20 // KiB
	stretchedSize     = 32      // bytes
)

func newStretcher() *stretcher { return &stretcher{make(chan struct{}, stretchAtOnce)} }

// turn waits for a slot, and lets others work meanwhile. Faults: Throttled.
func (s *stretcher) turn(ctx context.Context) (done func(), err error) {
	t := turn.Of(ctx)
	paused := t.Pause()
	defer t.Resume(paused)
	wait := time.NewTimer(stretchWait)
	defer wait.Stop()
	select {
	case s.slots <- struct{}{}:
		return func() { <-s.slots }, nil
	case <-wait.C:
		return nil, fault.New(fault.Throttled, "Rate exceeded")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

var saltText = base64.RawStdEncoding

// hash stretches a password with a new salt, and writes it down with what it takes to check another: "$argon2id$v=19$m=19456,t=2,p=1$salt$hash".
func (s *stretcher) hash(ctx context.Context, password string) (string, error) {
	done, err := s.turn(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	salt := make([]byte, 16)
	rand.Read(salt)
	sum := argon2.IDKey([]byte(password), salt, stretchTime, stretchMemory, stretchLanes, stretchedSize)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, stretchMemory, stretchTime, stretchLanes, saltText.EncodeToString(salt), saltText.EncodeToString(sum)), nil
}

// nobody is the hash of no password, for users that do not exist: to check against it costs what every check does.
func (s *stretcher) nobody() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, stretchMemory, stretchTime, stretchLanes,
		saltText.EncodeToString(make([]byte, 16)), saltText.EncodeToString(make([]byte, stretchedSize)))
}

// matches reports whether the hash is that of the password.
func (s *stretcher) matches(ctx context.Context, hash, password string) (bool, error) {
	var version int
	var memory, rounds uint32
	var lanes uint8
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false, fmt.Errorf("a stored password hash is none of argon2id")
	}
	_, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &memory, &rounds, &lanes)
	if err != nil || version != argon2.Version || memory > mostStretchMemory || rounds == 0 || lanes == 0 {
		return false, fmt.Errorf("a stored password hash cannot be read: %q", parts[2]+"$"+parts[3])
	}
	salt, err := saltText.DecodeString(parts[4])
	if err != nil {
		return false, fmt.Errorf("a stored password hash: its salt: %w", err)
	}
	want, err := saltText.DecodeString(parts[5])
	if err != nil || len(want) == 0 {
		return false, fmt.Errorf("a stored password hash cannot be read")
	}
	done, err := s.turn(ctx)
	if err != nil {
		return false, err
	}
	defer done()
	return subtle.ConstantTimeCompare(argon2.IDKey([]byte(password), salt, rounds, memory, lanes, uint32(len(want))), want) == 1, nil
}
