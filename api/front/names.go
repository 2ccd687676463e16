package front

import (
	"net"
	"slices"
	"strings"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/arn"
)

// Names knows the names of the registries that this cell serves: a host for each account and region (HTTP-1), or a path where there is no DNS.
type Names struct {
	// Domain is what the host names end with, "amazonaws.com" for those of AWS; "" leaves only the path form.
	Domain string
	// Regions are those that this cell serves.
	Regions []string
}

// Serves reports whether the cell serves the region.
func (n *Names) Serves(region string) bool { return slices.Contains(n.Regions, region) }

// place is a registry, as a request names it.
type place struct {
	account, region string
	prefix          string // of the path form: "111122223333/us-east-1/"
}

// registry finds the registry that a request's host or path names, and what is left of the path after it. path is what follows /v2/, decoded. Account and
// region come from nothing else (HTTP-2, H16), and what is found here is what is authorised. A host that is not of the domain is reached by the path form;
// the empty place is that of GET /v2/ there. The faults are NameInvalid for a path without account and region, and RepositoryNotFound for a region that
// this cell does not serve.
func (n *Names) registry(host, path string) (p place, rest string, err error) {
	if p, ok := n.byHost(host); ok {
		if !n.Serves(p.region) {
			return place{}, "", n.notServed(p.region)
		}
		return p, path, nil
	}
	if path == "" {
		return place{}, "", nil
	}
	account, rest, _ := strings.Cut(path, "/")
	region, rest, ok := strings.Cut(rest, "/")
	if !ok || !arn.IsAccount(account) {
		return place{}, "", fault.New(fault.NameInvalid, "Name the repository as {account}/{region}/{repository}: this host has no name that says which registry is meant")
	}
	if !n.Serves(region) {
		return place{}, "", n.notServed(region)
	}
	return place{account, region, path[:len(account)+1+len(region)+1]}, rest, nil
}

func (n *Names) notServed(region string) error {
	if len(region) > 32 {
		region = region[:32] + "…"
	}
	return fault.New(fault.RepositoryNotFound, "The region '%s' is not served here; the regions are %s", region, strings.Join(n.Regions, ", "))
}

// byHost reads a registry's host name: {account}.dkr.ecr.{region}.{domain}, {account}.dkr-ecr.{region}.on.{suffix}, and either with -fips (HTTP-1).
func (n *Names) byHost(host string) (place, bool) {
	if n.Domain == "" {
		return place{}, false
	}
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	account, rest, ok := strings.Cut(host, ".")
	if !ok || !arn.IsAccount(account) {
		return place{}, false
	}
	for _, shape := range [...]string{"dkr.ecr.", "dkr.ecr-fips."} {
		if after, ok := strings.CutPrefix(rest, shape); ok {
			region, domain, ok := strings.Cut(after, ".")
			return place{account: account, region: region}, ok && (domain == n.Domain || n.Domain == "amazonaws.com" && domain == "amazonaws.com.cn")
		}
	}
	for _, shape := range [...]string{"dkr-ecr.", "dkr-ecr-fips."} {
		if after, ok := strings.CutPrefix(rest, shape); ok {
			region, domain, ok := strings.Cut(after, ".")
			return place{account: account, region: region}, ok && slices.Contains(n.dualStack(), domain)
		}
	}
	return place{}, false
}

// dualStack is what the second shape of host name ends with.
func (n *Names) dualStack() []string {
	if n.Domain == "amazonaws.com" {
		return []string{"on.aws", "on.amazonwebservices.com.cn"}
	}
	return []string{"on." + n.Domain}
}

// endpointRegion is the region of the AWS endpoint that a host names (sts.us-west-2.…), which a call without a signature tells in no other way; us-east-1
// for hosts that name none, as the global endpoints are (STS-1).
func (n *Names) endpointRegion(host string) string {
	for label := range strings.SplitSeq(strings.ToLower(host), ".") {
		if n.Serves(label) {
			return label
		}
	}
	return "us-east-1"
}

// URI is what an image reference begins with: host and, in the path form, account and region; then the repository's name. host is that of the request that
// asks, so that what is answered can be pushed to as it is, from where it was asked.
func (n *Names) URI(account, region, name, host string) string {
	return n.authority(account, region, host) + "/" + name
}

// Endpoint is the URL to log in to, of the registry of account in region (API-31).
func (n *Names) Endpoint(account, region, host string, secure bool) string {
	scheme := "http://"
	if secure {
		scheme = "https://"
	}
	return scheme + n.authority(account, region, host)
}

func (n *Names) authority(account, region, host string) string {
	if n.Domain == "" {
		return host + "/" + account + "/" + region
	}
	name := account + ".dkr.ecr." + region + "." + n.Domain
	if _, port, err := net.SplitHostPort(host); err == nil && port != "443" {
		name += ":" + port
	}
	return name
}

// Hosts lists every name of the registries of the accounts, and of the AWS endpoints that the SDKs build (API-2), for /etc/hosts.
func (n *Names) Hosts(accounts []string) []string {
	if n.Domain == "" {
		return nil
	}
	var hosts []string
	for _, region := range n.Regions {
		hosts = append(hosts, "api.ecr."+region+"."+n.Domain, "ecr."+region+"."+n.Domain, "sts."+region+"."+n.Domain)
		for _, account := range accounts {
			hosts = append(hosts, account+".dkr.ecr."+region+"."+n.Domain)
			hosts = append(hosts, account+".dkr-ecr."+region+"."+n.dualStack()[0])
		}
	}
	return append(hosts, "iam."+n.Domain, "sts."+n.Domain)
}

// Wildcards lists the DNS names that together cover Hosts: what a zone or a certificate needs.
func (n *Names) Wildcards() []string {
	if n.Domain == "" {
		return nil
	}
	names := []string{n.Domain, "*." + n.Domain}
	for _, region := range n.Regions {
		names = append(names, "*.dkr.ecr."+region+"."+n.Domain, "*.dkr.ecr-fips."+region+"."+n.Domain, "api.ecr."+region+"."+n.Domain, "ecr."+region+"."+n.Domain, "sts."+region+"."+n.Domain)
		names = append(names, "*.dkr-ecr."+region+"."+n.dualStack()[0], "*.dkr-ecr-fips."+region+"."+n.dualStack()[0])
	}
	return names
}
