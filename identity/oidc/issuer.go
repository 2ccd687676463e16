package oidc

import (
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"github.com/berth-registry/berth/fault"
)

var (
	hostForm   = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$`)
	pathForm   = regexp.MustCompile(`^(/[A-Za-z0-9._~@+=,-]+)*/?$`)
	longestURL = 255
)

// CheckIssuer returns the URL of an issuer as berth compares it: the host in lower case, everything else to the letter, as tokens have it. An issuer is
// https://host, with a port and a path if need be, without query or fragment, of characters that mean nothing in an ARN or a policy. AWS takes no port; a
// provider on one's own network often has one. Fault: InvalidInput.
func CheckIssuer(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || len(text) > longestURL || u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Opaque != "" {
		return "", badIssuer()
	}
	if host := u.Hostname(); len(host) > 253 || !hostForm.MatchString(host) || strings.HasSuffix(u.Host, ":") {
		if ip, err := netip.ParseAddr(host); err != nil || ip.Zone() != "" {
			return "", badIssuer()
		}
	}
	if !pathForm.MatchString(u.EscapedPath()) || strings.Contains(u.Path, "/../") || strings.Contains(u.Path, "/./") || strings.HasSuffix(u.Path, "/..") || strings.HasSuffix(u.Path, "/.") {
		return "", badIssuer()
	}
	return foldHost(text), nil
}

func badIssuer() error {
	return fault.New(fault.InvalidInput, "Invalid Open ID Connect Provider URL: it must begin with https:// and have neither query nor fragment")
}

// foldHost puts the host of a URL into lower case, as host names are compared.
func foldHost(text string) string {
	rest, ok := strings.CutPrefix(text, "https://")
	if !ok {
		return text
	}
	end := strings.IndexByte(rest, '/')
	if end < 0 {
		end = len(rest)
	}
	return "https://" + strings.ToLower(rest[:end]) + rest[end:]
}
