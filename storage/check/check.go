// Package check is the form in which the parts of berth tell what is wrong with what they keep. Each part looks at its own tables and objects; `berth fsck` asks them all.
package check

import (
	"fmt"
	"strings"
)

// Finding is one thing that is not as it has to be. Fields that say nothing about it are empty.
type Finding struct {
	// Invariant is the one that is broken, "I1" to "I13" (durability.md, section 1).
	Invariant string `json:"invariant"`
	// Account, Region and Repository say where it is; of something that several repositories hold, they name one.
	Account    string `json:"account,omitempty"`
	Region     string `json:"region,omitempty"`
	Repository string `json:"repository,omitempty"`
	// Object is the tag, image, layer, key or row that it is about.
	Object string `json:"object,omitempty"`
	// Detail says what is wrong with it, Repair what mends it.
	Detail string `json:"detail"`
	Repair string `json:"repair,omitempty"`
}

// String is the finding in a line for people.
func (f Finding) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-3s ", f.Invariant)
	switch {
	case f.Repository != "":
		fmt.Fprintf(&b, " repository %s/%s/%s: ", f.Account, f.Region, f.Repository)
	case f.Region != "":
		fmt.Fprintf(&b, " registry %s/%s: ", f.Account, f.Region)
	case f.Account != "":
		fmt.Fprintf(&b, " account %s: ", f.Account)
	default:
		b.WriteByte(' ')
	}
	if f.Object != "" {
		b.WriteString(f.Object + " ")
	}
	b.WriteString(f.Detail)
	if f.Repair != "" {
		b.WriteString("; " + f.Repair)
	}
	return b.String()
}

// Run is one run over everything, as each part gets it. Its functions are called from one goroutine at a time.
type Run struct {
	// Region restricts the run to what belongs to one region; "" does not.
	Region string
	// Deep reads every byte that is stored, and not only how many there are.
	Deep bool
	// Resume goes on where a deep run was interrupted.
	Resume bool
	// From is where that was, and Reached is told, often, where a deep run is; nil tells nobody.
	From    Position
	Reached func(Position)
	// Quarantine keeps blobs from being served whose bytes are wrong; Leaks gives back what nothing leads to.
	Quarantine, Leaks bool
	// Store has the blob stores used as they are, where those that were before are lost: all that they lack is then missing, and pushes bring it back.
	Store bool
	// Report takes a finding.
	Report func(Finding)
	// Progress is told how much of a step is done: rows, objects or bytes, of about total.
	Progress func(step string, done, total int64)
}

// Position is how far a deep run has come with reading bytes. Its zero value is the beginning.
type Position struct {
	// After is the id of the last blob that was read, in the order of ids.
	After int64 `json:"after"`
	// Wrong are the ids of those read whose bytes were not as they should be.
	Wrong []int64 `json:"wrong,omitempty"`
}
