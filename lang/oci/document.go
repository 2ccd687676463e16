package oci

import (
	"crypto/sha256"
	"encoding/base64"

	"github.com/berth-registry/berth/fault"
)

// document holds the fields of every type of manifest; which of them may be there is shape's to say. A list that stands there is not nil, even if empty;
// a null stands for nothing, except that a null list of a manifest's own type counts as an empty one (Go programs write nil slices so).
type document struct {
	schemaVersion int64
	mediaType     string
	artifactType  string
	config        *Descriptor
	layers        []Descriptor
	children      []Descriptor
	blobs         []Descriptor
	fsLayers      []Descriptor
	subject       *Descriptor
	annotations   map[string]string
	signed        bool
	nulls         []string // lists that are null
}

// has reports whether the list is there, be it as null.
func (d *document) has(list string) bool {
	for _, name := range d.nulls {
		if name == list {
			return true
		}
	}
	switch list {
	case "layers":
		return d.layers != nil
	case "manifests":
		return d.children != nil
	case "blobs":
		return d.blobs != nil
	default:
		return d.fsLayers != nil
	}
}

var (
	manifestFields = []string{
		"schemaVersion", "mediaType", "artifactType", "config", "layers", "manifests", "blobs", "fsLayers", "subject", "annotations", "signatures",
	}
	descriptorFields = []string{"mediaType", "artifactType", "digest", "size", "urls", "annotations", "data", "platform"}
	platformFields   = []string{"architecture", "os", "os.version", "os.features", "variant"}
	fsLayerFields    = []string{"blobSum"}
)

func readDocument(body []byte) (*document, error) {
	r := newReader(body)
	if err := r.check(); err != nil {
		return nil, err
	}
	d := &document{}
	if err := r.object(manifestFields, func(key []byte) error { return d.member(r, string(key)) }); err != nil {
		return nil, err
	}
	return d, r.end()
}

func (d *document) member(r *reader, key string) (err error) {
	switch key {
	case "schemaVersion":
		d.schemaVersion, err = r.count()
	case "mediaType":
		d.mediaType, err = optionalString(r)
	case "artifactType":
		d.artifactType, err = optionalString(r)
	case "config":
		d.config, err = optionalDescriptor(r)
	case "subject":
		d.subject, err = optionalDescriptor(r)
	case "layers":
		d.layers, err = d.list(r, key, readDescriptor)
	case "manifests":
		d.children, err = d.list(r, key, readDescriptor)
	case "blobs":
		d.blobs, err = d.list(r, key, readDescriptor)
	case "fsLayers":
		d.fsLayers, err = d.list(r, key, readFSLayer)
	case "annotations":
		d.annotations, err = readAnnotations(r)
	case "signatures":
		d.signed = true
		err = r.skip()
	default:
		err = r.skip()
	}
	if err != nil {
		return in(key, err)
	}
	return nil
}

func (d *document) list(r *reader, name string, read func(*reader, *Descriptor) error) ([]Descriptor, error) {
	if r.null() {
		d.nulls = append(d.nulls, name)
		return nil, nil
	}
	list := []Descriptor{}
	err := r.array(func(i int) error {
		list = append(list, Descriptor{})
		this := &list[i]
		if err := read(r, this); err != nil {
			return err
		}
		// The layers of an image have mostly one type; a document of many descriptors need not hold it as many times.
		if i > 0 && list[i-1].MediaType == this.MediaType {
			this.MediaType = list[i-1].MediaType
		}
		return nil
	})
	return list, err
}

func optionalDescriptor(r *reader) (*Descriptor, error) {
	if r.null() {
		return nil, nil
	}
	d := &Descriptor{}
	if err := readDescriptor(r, d); err != nil {
		return nil, err
	}
	return d, nil
}

// readDescriptor reads a descriptor (OCI image specification, "Content Descriptors"). Digest and size must be there and well-formed.
func readDescriptor(r *reader, d *Descriptor) error {
	d.Size = -1
	var data []byte
	embedded := false
	err := r.object(descriptorFields, func(key []byte) (err error) {
		switch string(key) {
		case "mediaType":
			d.MediaType, err = optionalString(r)
		case "artifactType":
			d.ArtifactType, err = optionalString(r)
		case "digest":
			d.Digest, err = readDigest(r)
		case "size":
			d.Size, err = r.count()
		case "urls":
			d.Foreign, err = readURLs(r)
		case "annotations":
			d.About, err = readReference(r)
		case "data":
			if !r.null() {
				embedded = true
				data, err = r.string()
			}
		case "platform":
			d.Platform, err = readPlatform(r)
		default:
			return r.skip()
		}
		if err != nil {
			return in(string(key), err)
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case d.Digest == "":
		return in("digest", &problem{text: "must be there"})
	case d.Size < 0:
		return in("size", &problem{text: "must be there"})
	case embedded && !d.matches(data):
		return in("data", &problem{text: "does not have the digest and size of its descriptor"})
	}
	d.Foreign = d.Foreign || isForeign(d.MediaType)
	return nil
}

// matches reports whether the embedded content is what the descriptor names. A client may use either, so they must be the same.
func (d *Descriptor) matches(data []byte) bool {
	if int64(base64.StdEncoding.DecodedLen(len(data))) < d.Size {
		return false
	}
	content, err := base64.StdEncoding.Strict().AppendDecode(nil, data)
	if err != nil || int64(len(content)) != d.Size {
		return false
	}
	sum := sha256.Sum256(content)
	return encodeSum(sum[:]) == d.Digest
}

// readFSLayer reads a layer of schema 1: only its digest.
func readFSLayer(r *reader, d *Descriptor) error {
	d.Size = -1
	err := r.object(fsLayerFields, func(key []byte) (err error) {
		if string(key) != "blobSum" {
			return r.skip()
		}
		if d.Digest, err = readDigest(r); err != nil {
			return in("blobSum", err)
		}
		return nil
	})
	if err == nil && d.Digest == "" {
		return in("blobSum", &problem{text: "must be there"})
	}
	return err
}

func readDigest(r *reader) (Digest, error) {
	text, err := r.string()
	if err != nil {
		return "", err
	}
	d, err := ParseDigest(string(text))
	if err != nil {
		return "", &problem{text: fault.As(err).Message}
	}
	return d, nil
}

func readPlatform(r *reader) (*Platform, error) {
	if r.null() {
		return nil, nil
	}
	p := &Platform{}
	err := r.object(platformFields, func(key []byte) (err error) {
		switch string(key) {
		case "architecture":
			p.Architecture, err = optionalString(r)
		case "os":
			p.OS, err = optionalString(r)
		case "os.version":
			p.OSVersion, err = optionalString(r)
		case "variant":
			p.Variant, err = optionalString(r)
		default:
			return r.skip()
		}
		if err != nil {
			return in(string(key), err)
		}
		return nil
	})
	return p, err
}

// readURLs reads a list of strings and says whether there is any.
func readURLs(r *reader) (bool, error) {
	if r.null() {
		return false, nil
	}
	found := false
	err := r.array(func(int) error {
		found = true
		_, err := r.string()
		return err
	})
	return found, err
}

// readAnnotations reads an object of strings.
func readAnnotations(r *reader) (all map[string]string, err error) {
	err = eachAnnotation(r, func(key, value []byte) {
		if all == nil {
			all = make(map[string]string)
		}
		all[string(key)] = string(value)
	})
	return all, err
}

// readReference reads the annotations of a descriptor, of which only the image that an attestation is about is kept. One that is no digest is about none.
func readReference(r *reader) (about Digest, err error) {
	err = eachAnnotation(r, func(key, value []byte) {
		if string(key) == "vnd.docker.reference.digest" {
			if d, err := ParseDigest(string(value)); err == nil {
				about = d
			}
		}
	})
	return about, err
}

func eachAnnotation(r *reader, f func(key, value []byte)) error {
	if r.null() {
		return nil
	}
	return r.object(nil, func(key []byte) error {
		value, err := r.string()
		if err != nil {
			return in(quoteShort(string(key)), err)
		}
		f(key, value)
		return nil
	})
}

func optionalString(r *reader) (string, error) {
	if r.null() {
		return "", nil
	}
	text, err := r.string()
	return string(text), err
}
