package iam

import (
	"cmp"
	"context"
	"net/netip"
	"time"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/audit"
	"github.com/berth-registry/berth/storage/sql"
)

// Call is one request: who makes it, from where, and what the audit will say of it. The front door makes one per request and puts it into the
// context. It belongs to one goroutine at a time.
type Call struct {
	// Principal is who signed; nil until signed in.
	Principal *policy.Principal
	// Session is the temporary session that signed; nil with long-term keys.
	Session     *Session
	AccessKeyID string
	RequestID   string
	// Time is when the request is decided: aws:CurrentTime.
	Time time.Time
	// Region is that of the endpoint called: aws:RequestedRegion.
	Region   string
	SourceIP netip.Addr
	// Secure says that the request came over TLS.
	Secure             bool
	UserAgent, Referer string
	// Source is on whose behalf a service principal calls; nil for all other callers.
	Source *Source
	// Endpoint is the private endpoint that the request came through; nil for the public listeners.
	Endpoint *Endpoint
	// Host is the name by which the client reached this endpoint, for answers that say where to go on.
	Host string

	// Audit is what will be kept of the call. Authorize and the mutation fill it.
	Audit audit.Record
	// Recorded says that the record went out in the mutation's own transaction.
	Recorded bool

	// What Authorize needs once per decision lies here, so that a decision allocates nothing.
	request policy.Request
	set     policy.Set
	keys    conditionKeys
	image   imageKeys
	address string // SourceIP as text, made at most once
}

type callKey struct{}

// With returns a context that carries c.
func With(ctx context.Context, c *Call) context.Context { return context.WithValue(ctx, callKey{}, c) }

// callOf is the Call of ctx; nil where nobody calls, as at the first start.
func callOf(ctx context.Context) *Call {
	c, _ := ctx.Value(callKey{}).(*Call)
	return c
}

// From returns the Call of ctx. A context without one is a mistake in the program, and panics.
func From(ctx context.Context) *Call {
	c := callOf(ctx)
	if c == nil {
		panic("iam: the context has no Call: the front door must put one into it")
	}
	return c
}

// Caller returns the Call of ctx, of somebody who signed. Fault: MissingCredentials.
func Caller(ctx context.Context) (*Call, error) {
	c := From(ctx)
	if c.Principal == nil {
		return nil, errNobody()
	}
	return c, nil
}

func errNobody() error {
	return fault.New(fault.MissingCredentials, "Missing Authentication Token")
}

// Record writes the call's audit record in the transaction of the mutation that it is about; the call counts as recorded when that commits.
func (c *Call) Record(tx *sql.Tx, log *audit.Log) error {
	tx.AfterCommit(func() { c.Recorded = true })
	return log.Write(tx, &c.Audit)
}

// CallerID tells the caller from everybody else, also from who had or will have the same name: the unique id of a user or of a session's role, the
// account of a root user; of a caller without id the ARN; "" of a stranger. What a door hands out for its caller alone is bound to it (H55).
func (c *Call) CallerID() string {
	if c.Principal == nil {
		return ""
	}
	return cmp.Or(c.Principal.ID, c.Principal.ARN)
}

// sourceIP is the caller's address as text: an IPv4 address that came in IPv6 clothes is IPv4 (IAMP-2.2).
func (c *Call) sourceIP() string {
	if c.address == "" && c.SourceIP.IsValid() {
		c.address = c.SourceIP.Unmap().WithZone("").String()
	}
	return c.address
}
