package oci

import "strings"

// The media types of manifests (API-65).
const (
	MediaTypeDockerManifest     = "application/vnd.docker.distribution.manifest.v2+json"
	MediaTypeDockerManifestList = "application/vnd.docker.distribution.manifest.list.v2+json"
	MediaTypeDockerLegacy       = "application/vnd.docker.distribution.manifest.v1+json"
	MediaTypeDockerLegacySigned = "application/vnd.docker.distribution.manifest.v1+prettyjws"
	MediaTypeImageManifest      = "application/vnd.oci.image.manifest.v1+json"
	MediaTypeImageIndex         = "application/vnd.oci.image.index.v1+json"
	MediaTypeArtifactManifest   = "application/vnd.oci.artifact.manifest.v1+json"
	MediaTypeORASArtifact       = "application/vnd.cncf.oras.artifact.manifest.v1+json"
)

// bareMediaType is a Content-Type without its parameters, lower case: "application/json; charset=utf-8" is application/json (RFC 9110, 8.3.1).
func bareMediaType(s string) string {
	if i := strings.IndexByte(s, ';'); i >= 0 {
		s = s[:i]
	}
	return strings.ToLower(strings.TrimSpace(s))
}

// isForeign reports whether layers of this type are fetched from elsewhere and may be absent from the registry (API-66).
func isForeign(mediaType string) bool {
	switch mediaType {
	case "application/vnd.docker.image.rootfs.foreign.diff.tar",
		"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
		"application/vnd.oci.image.layer.nondistributable.v1.tar",
		"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
		"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd":
		return true
	}
	return false
}
