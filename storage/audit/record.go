// Package audit keeps who did what, from where, and why it was allowed or not.
//
// A mutation's record is written in the mutation's own transaction: there is no change without its record and no record without its change.
// Records of reads and of refusals are gathered in memory and written about once a second, so a crash can lose at most the last second of them.
package audit

import (
	"encoding/json"
	"time"
)

// Record is one call. Its JSON is what `berth audit` prints.
type Record struct {
	ID        int64     `json:"-"`
	Time      time.Time `json:"time"`
	RequestID string    `json:"requestId"`
	// Who.
	Principal   string `json:"principal,omitempty"` // ARN, or the name of a service; empty when nobody signed in
	Account     string `json:"account,omitempty"`   // of the principal
	AccessKeyID string `json:"accessKeyId,omitempty"`
	SourceIP    string `json:"sourceIp,omitempty"`
	UserAgent   string `json:"userAgent,omitempty"`
	// What.
	Action   string `json:"action,omitempty"`   // "ecr:PutImage"
	Region   string `json:"region,omitempty"`   //
	Resource string `json:"resource,omitempty"` // ARN or "*"
	Owner    string `json:"owner,omitempty"`    // account that owns the resource
	Tag      string `json:"tag,omitempty"`
	Digest   string `json:"digest,omitempty"`
	// How it ended.
	Decision  string `json:"decision,omitempty"`  // "Allow" or "Deny"; empty for calls that need no permission
	Layer     string `json:"layer,omitempty"`     // the layer of policies that decided
	Policy    string `json:"policy,omitempty"`    // the policy that decided
	Statement string `json:"statement,omitempty"` // its statement: the Sid, or its number from 0 as "#0"
	// CallerPolicy and CallerStatement are of the caller's own side, where the resource's side (Layer, Policy, Statement) had to allow it as well.
	CallerPolicy    string `json:"callerPolicy,omitempty"`
	CallerStatement string `json:"callerStatement,omitempty"`
	Rule            string `json:"rule,omitempty"`   // what else than policies decided, in words: then Layer, Policy and Statement are empty
	Status          int    `json:"status,omitempty"` // of the HTTP answer; absent in a mutation's record, which is written before the answer
	Error           string `json:"error,omitempty"`  // fault code

	// Evidence explains the decision. It is kept with the record and is not for readers of records: see Public.
	Evidence Evidence `json:"evidence,omitzero"`
}

// Public is the record without its evidence, which may hold what only one of the two accounts concerned may see.
func (r Record) Public() Record {
	r.Evidence = Evidence{}
	return r
}

// Line is the record as one line of JSON, with its end.
func (r Record) Line() []byte {
	b, err := json.Marshal(r)
	if err != nil {
		panic(err) // a struct of strings and times always marshals
	}
	return append(b, '\n')
}
