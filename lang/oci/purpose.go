package oci

import "strings"

// Purpose is what an artifact is for, to people who look at the image that it refers to.
type Purpose string

// The purposes that are told apart. Artifact is any other.
const (
	Signature   Purpose = "signature"
	SBOM        Purpose = "sbom"
	Attestation Purpose = "attestation"
	Artifact    Purpose = "artifact"
)

// PurposeOf tells the purpose of an artifact by its type and its manifest's annotations, as the tools that make them say it: notation, cosign, sigstore's
// bundles, in-toto, SPDX and CycloneDX. It is for showing: nothing is verified.
func PurposeOf(artifactType string, annotations map[string]string) Purpose {
	predicate := annotations["in-toto.io/predicate-type"]
	if p := annotations["dev.sigstore.bundle.predicateType"]; p != "" {
		predicate = p
	}
	t := strings.ToLower(artifactType)
	switch {
	case isBill(t) || isBill(predicate):
		return SBOM
	case strings.HasPrefix(t, "application/vnd.dev.sigstore.bundle") && annotations["dev.sigstore.bundle.content"] == "dsse-envelope",
		strings.Contains(t, "in-toto"), strings.Contains(t, "attestation"), strings.Contains(t, "dsse.envelope"), t == "application/vnd.dev.cosign.artifact.att.v1+json":
		return Attestation
	case t == NotarySignature, strings.HasPrefix(t, "application/vnd.dev.cosign."), strings.HasPrefix(t, "application/vnd.dev.sigstore.bundle"):
		return Signature
	}
	return Artifact
}

// NotarySignature is the artifact type of signatures of the Notary Project.
const NotarySignature = "application/vnd.cncf.notary.signature"

// isBill reports whether the type is one of a bill of materials.
func isBill(t string) bool {
	t = strings.ToLower(t)
	return strings.Contains(t, "spdx") || strings.Contains(t, "cyclonedx") || strings.Contains(t, "sbom") || strings.Contains(t, "syft")
}

// SchemaTags are the tags under which older tools keep what belongs to an image where a registry cannot list referrers (HTTP-29), with the purpose of each:
// sha256-<hex>.sig, .att and .sbom of cosign, and sha256-<hex> of the OCI distribution specification, whose purpose is "" since it is an index of any referrers.
func SchemaTags(d Digest) map[string]Purpose {
	base := strings.Replace(string(d), ":", "-", 1)
	return map[string]Purpose{base: "", base + ".sig": Signature, base + ".att": Attestation, base + ".sbom": SBOM}
}

// String is the platform as docker writes it: linux/arm64/v8; "" if it says nothing, as that of an attestation in an index does.
func (p *Platform) String() string {
	if p == nil || p.OS == "" || p.OS == "unknown" {
		return ""
	}
	text := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		text += "/" + p.Variant
	}
	if p.OSVersion != "" {
		text += " " + p.OSVersion
	}
	return text
}
