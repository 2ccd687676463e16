package iam

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"strconv"

	"github.com/berth-registry/berth/lang/arn"
)

// The prefixes of unique ids and access keys (IAM-1).
const (
	userPrefix      = "AIDA"
	rolePrefix      = "AROA"
	groupPrefix     = "AGPA"
	policyPrefix    = "ANPA"
	profilePrefix   = "AIPA"
	servicePrefix   = "ASVC" // berth's own: AWS shows no ids of services
	providerPrefix  = "AOIP" // of an identity provider, which AWS gives no id that is seen
	longTermPrefix  = "AKIA"
	temporaryPrefix = "ASIA"
)

var base32Text = base32.StdEncoding.WithPadding(base32.NoPadding)

// newID returns a unique id: the prefix and 17 random characters of A-Z2-7 (IAM-1).
func newID(prefix string) string {
	var b [11]byte
	rand.Read(b[:])
	return prefix + base32Text.EncodeToString(b[:])[:17]
}

// newAccessKeyID returns an access key id that names its account, as those of AWS do: of the ten bytes behind the prefix the first bit is set, the
// next forty are the account's number, and the rest is random. So the account of a key is known before anything is read (and under which epoch its
// cached secret stands), and GetAccessKeyInfo and the tools that find the owner of a leaked key work.
func newAccessKeyID(prefix, account string) string {
	n, err := strconv.ParseUint(account, 10, 64)
	if err != nil {
		panic("an access key for an account that is no number: " + account)
	}
	var b [10]byte
	rand.Read(b[:])
	high := 1<<47 | n<<7 | uint64(b[5]&0x7f)
	for i := range 6 {
		b[i] = byte(high >> (40 - 8*i))
	}
	return prefix + base32Text.EncodeToString(b[:])
}

// accountOfKey returns the account that an access key id names, or servicesAccount; false if the id is none that berth gives.
func accountOfKey(id string) (string, bool) {
	if len(id) != 20 || id[:4] != longTermPrefix && id[:4] != temporaryPrefix {
		return "", false
	}
	var b [10]byte
	if n, err := base32Text.Decode(b[:], []byte(id[4:])); err != nil || n != len(b) || b[0]&0x80 == 0 {
		return "", false
	}
	var high uint64
	for i := range 6 {
		high = high<<8 | uint64(b[i])
	}
	account := fmt.Sprintf("%012d", high>>7&(1<<40-1))
	return account, arn.IsAccount(account) || account == servicesAccount
}

// newSecret returns a secret access key: 40 characters of the base64 alphabet (IAM-1).
func newSecret() string {
	var b [30]byte
	rand.Read(b[:])
	return base64.StdEncoding.EncodeToString(b[:])
}

// newAccountID returns twelve random digits of which the first is not 0, so that no tool loses it by reading a number.
func newAccountID() string {
	for {
		var b [8]byte
		rand.Read(b[:])
		var n uint64
		for _, x := range b {
			n = n<<8 | uint64(x)
		}
		if n %= 1_000_000_000_000; n >= 100_000_000_000 {
			return strconv.FormatUint(n, 10)
		}
	}
}
