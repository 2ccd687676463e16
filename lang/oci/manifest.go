package oci

import (
	"math"

	"github.com/berth-registry/berth/fault"
)

// MaxManifest is the size in bytes over which a manifest is refused (API-64, HTTP-30).
const MaxManifest = 4 << 20

// Kind is what a manifest describes.
type Kind uint8

const (
	// Image is a manifest of blobs: a container image, or an artifact of any type.
	Image Kind = iota
	// Index is a manifest of manifests: an OCI index or a Docker manifest list.
	Index
	// Legacy is Docker's schema 1, which names its layers without their sizes and has no config blob.
	Legacy
)

// Manifest is what the registry needs to know of a manifest, read once at push.
type Manifest struct {
	Kind Kind
	// MediaType is one of the MediaType constants: what the manifest is stored and served as.
	MediaType string
	// ArtifactType is the manifest's own artifactType, "" if it has none; see ArtifactMediaType for what is shown.
	ArtifactType string
	// Config is the config blob; nil for an Index, a Legacy manifest and an artifact manifest.
	Config *Descriptor
	// Layers are the other blobs, in order, with repetitions; nil for an Index.
	Layers []Descriptor
	// Children are the manifests of an Index, in order, with repetitions.
	Children []Descriptor
	// Subject is the manifest that this one refers to, nil if none. It need not exist (API-66).
	Subject *Descriptor
	// Annotations are the manifest's own, which referrer lists show (HTTP-28).
	Annotations map[string]string
}

// Descriptor names content that a manifest refers to. Annotations of descriptors are checked and not kept, but for About.
type Descriptor struct {
	MediaType    string
	ArtifactType string
	Digest       Digest
	// Size is in bytes; -1 where the manifest does not say (Legacy). The registry compares it with what is stored (H37).
	Size int64
	// Platform is what an index says of a child; nil if nothing.
	Platform *Platform
	// About is the image that the content is an attestation of, as buildkit says it of a child of an index (vnd.docker.reference.digest); "" if none.
	About Digest
	// Foreign marks content that is fetched from elsewhere (by its `urls` or its media type) and so need not exist here (API-66). berth never
	// fetches it (H43).
	Foreign bool
}

// Platform is the machine that a child of an index is for.
type Platform struct {
	Architecture, OS, OSVersion, Variant string
}

// ParseManifest reads a manifest as it was pushed, with the media type that the client named ("" or "application/json" if it named none: then the
// manifest's own `mediaType` counts, API-64). It refuses everything that two clients may read in different ways (H37 to H41), so that one digest is only
// ever one thing. Its faults are ManifestTooLarge, ManifestInvalid, MediaTypeUnsupported, and InvalidParameter when no media type is named anywhere.
// It takes time and memory in proportion to body, which must be less than MaxManifest.
func ParseManifest(body []byte, contentType string) (*Manifest, error) {
	if len(body) > MaxManifest {
		return nil, fault.New(fault.ManifestTooLarge,
			"Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Member must have length less than or equal to %d'", MaxManifest)
	}
	mediaType := bareMediaType(contentType)
	if mediaType == "application/json" {
		mediaType = ""
	}
	if mediaType != "" {
		if _, ok := shapeOf(mediaType); !ok {
			return nil, unsupported(mediaType)
		}
	}
	doc, err := readDocument(body)
	if err != nil {
		return nil, invalid(err)
	}
	switch {
	case mediaType == "" && doc.mediaType == "":
		return nil, fault.New(fault.InvalidParameter, "Invalid parameter at 'ImageManifestMediaType' failed to satisfy constraint: "+
			"'must be given, since the manifest has no mediaType'")
	case mediaType == "":
		mediaType = doc.mediaType
	case doc.mediaType != "" && doc.mediaType != mediaType:
		return nil, invalid(&problem{text: "mediaType " + quoteShort(doc.mediaType) + " differs from the content type " + quoteShort(mediaType)})
	}
	shape, ok := shapeOf(mediaType)
	if !ok {
		return nil, unsupported(mediaType)
	}
	if err := shape.check(doc); err != nil {
		return nil, invalid(err)
	}
	m := &Manifest{
		Kind: shape.kind, MediaType: mediaType, ArtifactType: doc.artifactType,
		Config: doc.config, Layers: doc.layers, Children: doc.children, Subject: doc.subject, Annotations: doc.annotations,
	}
	switch shape.holds {
	case "blobs":
		m.Layers = doc.blobs
	case "fsLayers":
		m.Layers = doc.fsLayers
	}
	return m, nil
}

// Size is the sum in bytes of the config and the layers, as image sizes are shown (API-52); it saturates. For an Index it is 0: the registry takes the
// largest of its children. For a Legacy manifest it is 0 too, since sizes are not named.
func (m *Manifest) Size() int64 {
	var sum int64
	if m.Config != nil {
		sum = m.Config.Size
	}
	for i := range m.Layers {
		size := max(m.Layers[i].Size, 0)
		if sum > math.MaxInt64-size {
			return math.MaxInt64
		}
		sum += size
	}
	return sum
}

// ArtifactMediaType is the artifact's type as DescribeImages and referrer lists show it: the manifest's artifactType, else the media type of its config,
// else "" (API-53, HTTP-28).
func (m *Manifest) ArtifactMediaType() string {
	if m.ArtifactType == "" && m.Config != nil {
		return m.Config.MediaType
	}
	return m.ArtifactType
}

// shape is what a manifest of a media type must look like.
type shape struct {
	kind Kind
	// schemaVersion must be this; 0 if the type has none.
	schemaVersion int64
	// holds is the field that lists the content. It must be there, and of config, layers, manifests, blobs and fsLayers no other may be, save the
	// config of an image.
	holds string
	// config must be there.
	config bool
	// named: the manifest must hold its own mediaType. Where it need not, the other fields tell it from every other type, so that the same bytes cannot
	// be stored under one digest as two things (H39).
	named bool
	// signed: whether `signatures` must or must not be there; only Legacy manifests are told apart by it.
	signed bool
}

func shapeOf(mediaType string) (shape, bool) {
	switch mediaType {
	case MediaTypeImageManifest:
		return shape{kind: Image, schemaVersion: 2, holds: "layers", config: true}, true
	case MediaTypeDockerManifest:
		return shape{kind: Image, schemaVersion: 2, holds: "layers", config: true, named: true}, true
	case MediaTypeImageIndex:
		return shape{kind: Index, schemaVersion: 2, holds: "manifests"}, true
	case MediaTypeDockerManifestList:
		return shape{kind: Index, schemaVersion: 2, holds: "manifests", named: true}, true
	case MediaTypeArtifactManifest, MediaTypeORASArtifact:
		return shape{kind: Image, holds: "blobs", named: true}, true
	case MediaTypeDockerLegacy:
		return shape{kind: Legacy, schemaVersion: 1, holds: "fsLayers"}, true
	case MediaTypeDockerLegacySigned:
		return shape{kind: Legacy, schemaVersion: 1, holds: "fsLayers", signed: true}, true
	}
	return shape{}, false
}

func (s shape) check(d *document) error {
	if s.schemaVersion != 0 && d.schemaVersion != s.schemaVersion {
		return in("schemaVersion", &problem{text: "must be " + string(rune('0'+s.schemaVersion))})
	}
	if s.named && d.mediaType == "" {
		return in("mediaType", &problem{text: "must be there"})
	}
	for _, list := range [...]struct {
		name    string
		present bool
	}{
		{"layers", d.layers != nil}, {"manifests", d.children != nil}, {"blobs", d.blobs != nil}, {"fsLayers", d.fsLayers != nil},
	} {
		if list.present && list.name != s.holds {
			return in(list.name, &problem{text: "must not be there"})
		}
	}
	switch {
	case !d.has(s.holds) && s.holds != "blobs": // an artifact manifest may do without
		return in(s.holds, &problem{text: "must be there"})
	case s.config && d.config == nil:
		return in("config", &problem{text: "must be there"})
	case !s.config && d.config != nil:
		return in("config", &problem{text: "must not be there"})
	case s.kind == Legacy && d.signed != s.signed:
		return in("signatures", &problem{text: "must be there only in " + MediaTypeDockerLegacySigned})
	}
	return nil
}

func invalid(err error) error {
	return fault.New(fault.ManifestInvalid, "Invalid parameter at 'ImageManifest' failed to satisfy constraint: '%s'", err.Error())
}

func unsupported(mediaType string) error {
	return fault.New(fault.MediaTypeUnsupported,
		"Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Unsupported media type %s'", quoteShort(mediaType))
}
