package iam

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/berth-registry/berth/storage/sql"
)

// seals are the keys that secrets, session tokens and registry passwords are sealed with. A sealed text is the number of its key (8 bytes), a random nonce,
// and the AES-256-GCM ciphertext, bound to what it belongs to. Random nonces are good for 2^32 seals under one key: a login or session each second for 136 years.
type seals struct {
	newest int64
	keys   map[int64]cipher.AEAD
}

var errUnsealable = errors.New("sealed text does not open")

// openSeals reads the sealing keys, and makes the first one in a new database.
func openSeals(ctx context.Context, db *sql.DB, now time.Time) (*seals, error) {
	s := &seals{keys: map[int64]cipher.AEAD{}}
	err := db.Write(ctx, func(tx *sql.Tx) error {
		var n int64
		if err := tx.Row(`SELECT COUNT(*) FROM iam_sealing_key`, nil, &n); err != nil || n > 0 {
			return err
		}
		key := make([]byte, 32)
		rand.Read(key)
		_, err := tx.Exec(`INSERT INTO iam_sealing_key (id, secret, created) VALUES ($1, $2, $3)`, sql.NewID(now), key, sql.Micros(now))
		return err
	})
	if err != nil {
		return nil, err
	}
	err = db.Rows(ctx, `SELECT id, secret FROM iam_sealing_key ORDER BY id`, nil, func(row sql.Scanner) error {
		var secret []byte
		if err := row.Scan(&s.newest, &secret); err != nil {
			return err
		}
		block, err := aes.NewCipher(secret)
		if err != nil {
			return fmt.Errorf("sealing key %d: %w", s.newest, err)
		}
		s.keys[s.newest], err = cipher.NewGCMWithRandomNonce(block)
		return err
	})
	return s, err
}

// seal hides text; only open with the same owner gives it back.
func (s *seals) seal(text []byte, owner string) []byte {
	aead := s.keys[s.newest]
	out := make([]byte, 8, 8+len(text)+aead.Overhead())
	binary.BigEndian.PutUint64(out, uint64(s.newest))
	return aead.Seal(out, nil, text, []byte(owner))
}

// open gives back what seal hid, or errUnsealable.
func (s *seals) open(sealed []byte, owner string) ([]byte, error) {
	if len(sealed) < 8 {
		return nil, errUnsealable
	}
	aead := s.keys[int64(binary.BigEndian.Uint64(sealed))]
	if aead == nil {
		return nil, errUnsealable
	}
	text, err := aead.Open(nil, nil, sealed[8:], []byte(owner))
	if err != nil {
		return nil, errUnsealable
	}
	return text, nil
}

// Enclose hides a secret that another part keeps for its owner, such as a key that signs images: only Disclose with the same owner gives it back.
func (d *Directory) Enclose(secret []byte, owner string) []byte { return d.seals.seal(secret, owner) }

// Disclose gives back what Enclose hid. The error is no fault: what is stored is damaged, or was another owner's.
func (d *Directory) Disclose(sealed []byte, owner string) ([]byte, error) {
	return d.seals.open(sealed, owner)
}
