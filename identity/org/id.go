package org

import (
	"crypto/rand"
	"strings"

	"github.com/berth-registry/berth/fault"
)

// alphabet is what random ids consist of (ORG-2).
const alphabet = "0123456789abcdefghijklmnopqrstuvwxyz"

// random returns n characters of the alphabet, each as likely as any other.
func random(n int) string {
	out := make([]byte, 0, n)
	for len(out) < n {
		var b [32]byte
		rand.Read(b[:])
		for _, x := range b {
			if x < 252 && len(out) < n { // 252 is a multiple of 36
				out = append(out, alphabet[x%36])
			}
		}
	}
	return string(out)
}

// fresh calls insert with new ids, prefix and n random characters, until one makes a row: insert is an INSERT with ON CONFLICT DO NOTHING. It returns the id of the
// row. Ids are short (a root's is one of 1.7 million), so two will be equal some day.
func fresh(prefix string, n int, insert func(id string) (rows int64, err error)) (string, error) {
	for range 64 {
		id := prefix + random(n)
		if rows, err := insert(id); err != nil || rows > 0 {
			return id, err
		}
	}
	return "", fault.New(fault.Unavailable, "no free id was found; try again")
}

// The ARNs of ORG-3.
func (f *Organization) arn(resource string) string {
	return "arn:aws:organizations::" + f.Management + ":" + resource
}

// ARN is the organization's own.
func (f *Organization) ARN() string { return f.arn("organization/" + f.ID) }

// ARNOf is the ARN of a root, unit, account, handshake or resource policy of the organization by its id (ORG-3), or of a service control policy. An id in no form of ORG-2
// has the form of a unit's: there is no such thing, but the question whether the caller may ask for it needs a name.
func (f *Organization) ARNOf(id string) string {
	kind := "ou"
	switch kindOf(id) {
	case kindRoot:
		kind = "root"
	case kindAccount:
		kind = "account"
	case kindPolicy:
		return policyARN(f, ServiceControlPolicy, id)
	case kindResourcePolicy:
		kind = "resourcepolicy"
	case kindHandshake:
		return f.arn("handshake/" + f.ID + "/invite/" + id)
	}
	return f.arn(kind + "/" + f.ID + "/" + id)
}

// suffix is what is behind the dash of a root's id: units carry it in theirs.
func suffix(root string) string { return strings.TrimPrefix(root, "r-") }
