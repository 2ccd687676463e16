package server

import (
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"

	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/policy"
)

// Endpoint is a listener that is a private endpoint: what is behind it is a network of the operator's, as behind a VPC endpoint of AWS (IAMP-1.2).
type Endpoint struct {
	ID, Address string
	VPC         string // "" if none was declared
	Policy      string // file of the endpoint policy; "" lets everything pass
}

var (
	endpointID = regexp.MustCompile(`^vpce-[0-9a-z]{1,32}$`)
	vpcID      = regexp.MustCompile(`^vpc-[0-9a-z]{1,32}$`)
)

// UnmarshalText reads "vpce-0a1b2c3d=127.0.0.1:5001,vpc=vpc-1,policy=endpoint.json".
func (e *Endpoint) UnmarshalText(text []byte) error {
	id, rest, ok := strings.Cut(strings.TrimSpace(string(text)), "=")
	if !ok || !endpointID.MatchString(id) {
		return fmt.Errorf("%q is not a private endpoint, such as vpce-0a1b2c3d=127.0.0.1:5001,vpc=vpc-1,policy=endpoint.json", text)
	}
	parts := strings.Split(rest, ",")
	read := Endpoint{ID: id, Address: parts[0]}
	if _, _, err := net.SplitHostPort(read.Address); err != nil {
		return fmt.Errorf("%s: %q is not an address, such as 127.0.0.1:5001", id, read.Address)
	}
	for _, part := range parts[1:] {
		key, value, _ := strings.Cut(part, "=")
		switch {
		case key == "vpc" && read.VPC == "" && vpcID.MatchString(value):
			read.VPC = value
		case key == "policy" && read.Policy == "" && value != "":
			read.Policy = value
		default:
			return fmt.Errorf("%s: %q is neither vpc=vpc-… nor policy=FILE", id, part)
		}
	}
	*e = read
	return nil
}

// load reads the policy, and refuses one that could not be meant: that an endpoint lets less through than its operator thinks, or more, must not be found out later.
func (e *Endpoint) load() (*iam.Endpoint, error) {
	loaded := &iam.Endpoint{ID: e.ID, VPC: e.VPC}
	if e.Policy == "" {
		return loaded, nil
	}
	document, err := os.ReadFile(e.Policy)
	if err != nil {
		return nil, err
	}
	if text, finding := policy.Refuse(document, policy.Endpoint); text != "" {
		if finding == nil {
			return nil, fmt.Errorf("%s: %s", e.Policy, text)
		}
		return nil, fmt.Errorf("%s: line %d, column %d: %s: %s", e.Policy, finding.Line, finding.Column, finding.Code, finding.Message)
	}
	for _, f := range policy.Validate(document, policy.Endpoint) {
		if f.Level == policy.LevelError {
			return nil, fmt.Errorf("%s: line %d, column %d: %s: %s", e.Policy, f.Line, f.Column, f.Code, strings.TrimSpace(f.Message+" "+f.Hint))
		}
	}
	p, err := policy.Parse(document)
	if err != nil {
		return nil, errors.Join(errors.New(e.Policy), err)
	}
	loaded.Policies, loaded.Limited = []policy.Attached{{Name: "VPC endpoint policy of " + e.ID, Policy: p}}, true
	return loaded, nil
}
