package ecr

import (
	"strings"

	"github.com/berth-registry/berth/lang/oci"
)

// digestPattern is what the model and ECR's messages call a digest (API-56). Far more fits it than can be stored: see hasDigestShape.
const digestPattern = "[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+"

// hasDigestShape reports whether s fits digestPattern. What fits and is no digest that berth computes (API-25), such as one of sha512, is no mistake of
// the caller's: it names content that cannot be here, and is answered as absent content is.
func hasDigestShape(s string) bool {
	algorithm, encoded, ok := strings.Cut(s, ":")
	return ok && algorithm != "" && encoded != "" &&
		strings.Trim(algorithm, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_+.") == "" &&
		strings.Trim(encoded, "0123456789abcdefABCDEF") == ""
}

// layerDigest reads a digest that must name a layer. Its fault is InvalidParameter.
func layerDigest(member, s string) (oci.Digest, error) {
	d, err := oci.ParseDigest(s)
	if err != nil {
		return "", invalidParameter(member, "must be a digest of sha256")
	}
	return d, nil
}
