package oci_test

import (
	"testing"

	"github.com/berth-registry/berth/lang/oci"
)

func TestPurposes(t *testing.T) {
	for _, test := range []struct {
		artifactType string
		annotations  map[string]string
		want         oci.Purpose
	}{
		{"application/vnd.cncf.notary.signature", nil, oci.Signature},
		{"application/vnd.dev.cosign.artifact.sig.v1+json", nil, oci.Signature},
		{"application/vnd.dev.sigstore.bundle.v0.3+json", map[string]string{"dev.sigstore.bundle.content": "message-signature"}, oci.Signature},
		{"application/vnd.dev.sigstore.bundle.v0.3+json", map[string]string{"dev.sigstore.bundle.content": "dsse-envelope", "dev.sigstore.bundle.predicateType": "https://slsa.dev/provenance/v1"}, oci.Attestation},
		{"application/vnd.dev.sigstore.bundle.v0.3+json", map[string]string{"dev.sigstore.bundle.content": "dsse-envelope", "dev.sigstore.bundle.predicateType": "https://spdx.dev/Document"}, oci.SBOM},
		{"application/vnd.in-toto+json", nil, oci.Attestation},
		{"application/vnd.in-toto+json", map[string]string{"in-toto.io/predicate-type": "https://cyclonedx.org/bom"}, oci.SBOM},
		{"application/spdx+json", nil, oci.SBOM},
		{"application/vnd.cyclonedx+json", nil, oci.SBOM},
		{"application/vnd.dev.cosign.artifact.sbom.v1+json", nil, oci.SBOM},
		{"application/vnd.example.report", nil, oci.Artifact},
		{"", nil, oci.Artifact},
	} {
		if got := oci.PurposeOf(test.artifactType, test.annotations); got != test.want {
			t.Errorf("%s %v is for %s, want %s", test.artifactType, test.annotations, got, test.want)
		}
	}
}

// Buildkit lists attestations in the index beside the platforms, and says which platform each is about.
func TestAttestationsInIndexes(t *testing.T) {
	about := oci.FromBytes([]byte("a platform"))
	body := `{"schemaVersion":2,"mediaType":"` + oci.MediaTypeImageIndex + `","manifests":[
		{"mediaType":"` + oci.MediaTypeImageManifest + `","digest":"` + string(about) + `","size":10,"platform":{"os":"linux","architecture":"arm64","variant":"v8"}},
		{"mediaType":"` + oci.MediaTypeImageManifest + `","digest":"` + string(oci.FromBytes([]byte("b"))) + `","size":10,"platform":{"os":"unknown","architecture":"unknown"},
		 "annotations":{"vnd.docker.reference.type":"attestation-manifest","vnd.docker.reference.digest":"` + string(about) + `"}},
		{"mediaType":"` + oci.MediaTypeImageManifest + `","digest":"` + string(oci.FromBytes([]byte("c"))) + `","size":10,"annotations":{"vnd.docker.reference.digest":"nonsense"}}]}`
	m, err := oci.ParseManifest([]byte(body), "")
	if err != nil {
		t.Fatal(err)
	}
	if c := m.Children; c[0].Platform.String() != "linux/arm64/v8" || c[0].About != "" || c[1].Platform.String() != "" || c[1].About != about || c[2].About != "" || c[2].Platform.String() != "" {
		t.Errorf("%+v", c)
	}
}
