package oidc

import (
	"net/netip"
	"testing"
)

// The addresses that no provider is asked at unless the operator says so: whatever a tenant's provider resolves to (H70).
func TestJudge(t *testing.T) {
	allow := []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::/8")}
	for address, want := range map[string]bool{
		"140.82.112.3:443": true, "[2606:50c0:8000::153]:443": true, "10.1.2.3:8443": true, "[fd00::1]:443": true, "[::ffff:10.1.2.3]:443": true,
		"10.2.0.1:443": false, "127.0.0.1:443": false, "172.16.0.1:443": false, "192.168.1.1:443": false, "169.254.169.254:443": false, "100.64.0.1:443": false,
		"0.0.0.0:443": false, "0.1.2.3:443": false, "224.0.0.1:443": false, "255.255.255.255:443": false, "198.18.0.1:443": false, "192.0.0.192:443": false,
		"[::]:443": false, "[::1]:443": false, "[fe80::1]:443": false, "[fe80::1%eth0]:443": false, "[fc00::1]:443": false, "[ff02::1]:443": false,
		"[::ffff:127.0.0.1]:443": false, "[::127.0.0.1]:443": false, "[64:ff9b::7f00:1]:443": false, "[2002:7f00:1::]:443": false, "[2001::1]:443": false,
		"no address": false,
	} {
		if err := judge(address, allow); (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
}
