// Package oci knows the words of container registries: names, tags, digests and manifests. It reads them strictly, because what it accepts is stored for
// years, shown to every client and used as keys; two clients that read the same bytes differently are how images get swapped (H39, H40).
//
// It is pure: no clock, no disk, no network.
package oci
