package oci_test

import (
	"encoding/json"
	"math"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/oci"
)

const (
	digestA = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	digestB = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

	config = `{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"` + digestA + `","size":7}`
	layer  = `{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"` + digestB + `","size":35}`
	child  = `{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"` + digestA + `","size":400,` +
		`"platform":{"architecture":"arm64","os":"linux","variant":"v8","os.features":["x"]}}`
)

func image(extra string) string {
	return `{"schemaVersion":2,"mediaType":"` + oci.MediaTypeImageManifest + `","config":` + config + `,"layers":[` + layer + `]` + extra + `}`
}

func TestParseImage(t *testing.T) {
	m, err := oci.ParseManifest([]byte(image(`,"subject":`+child+`,"artifactType":"application/x","annotations":{"k":"v","K":"\u00e9\ud83d\ude00"},"custom":{"a":[1.5e3,null]}`)),
		"application/vnd.OCI.image.manifest.v1+json; charset=utf-8")
	if err != nil {
		t.Fatal(err)
	}
	if m.Kind != oci.Image || m.MediaType != oci.MediaTypeImageManifest || m.ArtifactType != "application/x" || m.Config.Digest != digestA ||
		len(m.Layers) != 1 || m.Layers[0].Digest != digestB || m.Layers[0].Size != 35 || m.Layers[0].Foreign || m.Subject.Digest != digestA ||
		m.Annotations["k"] != "v" || m.Annotations["K"] != "é😀" {
		t.Errorf("%+v", m)
	}
	if m.Size() != 42 || m.ArtifactMediaType() != "application/x" { // API-52, API-53
		t.Errorf("size %d, artifact media type %q", m.Size(), m.ArtifactMediaType())
	}
	m, err = oci.ParseManifest([]byte(image("")), "")
	if err != nil || m.ArtifactMediaType() != "application/vnd.oci.image.config.v1+json" || m.Subject != nil {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestParseIndex(t *testing.T) {
	for _, mediaType := range []string{oci.MediaTypeImageIndex, oci.MediaTypeDockerManifestList} {
		m, err := oci.ParseManifest([]byte(`{"schemaVersion":2,"mediaType":"`+mediaType+`","manifests":[`+child+`,`+child+`]}`), "application/json")
		if err != nil {
			t.Fatal(err)
		}
		if m.Kind != oci.Index || m.MediaType != mediaType || len(m.Children) != 2 || m.Children[1].Platform.Variant != "v8" ||
			m.Size() != 0 || m.ArtifactMediaType() != "" {
			t.Errorf("%+v", m)
		}
	}
}

// API-65: schema 1 and the artifact manifests are kept as they come.
func TestParseOthers(t *testing.T) {
	legacy := `{"schemaVersion":1,"name":"a/b","tag":"t","fsLayers":[{"blobSum":"` + digestA + `"},{"blobSum":"` + digestA + `"}],"history":[{"v1Compatibility":"{}"}]`
	for contentType, body := range map[string]string{
		oci.MediaTypeDockerLegacy:       legacy + `}`,
		oci.MediaTypeDockerLegacySigned: legacy + `,"signatures":[{}]}`,
	} {
		m, err := oci.ParseManifest([]byte(body), contentType)
		if err != nil {
			t.Errorf("%s: %v", contentType, err)
		} else if m.Kind != oci.Legacy || len(m.Layers) != 2 || m.Layers[0].Size != -1 || m.Size() != 0 || m.Config != nil {
			t.Errorf("%+v", m)
		}
	}
	for _, mediaType := range []string{oci.MediaTypeArtifactManifest, oci.MediaTypeORASArtifact} {
		m, err := oci.ParseManifest([]byte(`{"mediaType":"`+mediaType+`","artifactType":"application/sbom","blobs":[`+layer+`],"subject":`+child+`}`), mediaType)
		if err != nil {
			t.Errorf("%s: %v", mediaType, err)
		} else if m.Kind != oci.Image || len(m.Layers) != 1 || m.Config != nil || m.ArtifactMediaType() != "application/sbom" {
			t.Errorf("%+v", m)
		}
	}
}

// What real clients send, although it looks odd.
func TestParseManifestAccepts(t *testing.T) {
	for name, body := range map[string]string{
		"no mediaType in an OCI manifest": strings.Replace(image(""), `"mediaType":"`+oci.MediaTypeImageManifest+`",`, "", 1),
		"artifact with no layers":         strings.Replace(image(""), layer, "", 1),
		"artifact with null layers":       strings.Replace(image(""), "["+layer+"]", "null", 1),
		"null optional fields":            image(`,"subject":null,"annotations":null,"manifests":null,"artifactType":null`),
		"unknown config type":             strings.Replace(image(""), "application/vnd.oci.image.config.v1+json", "application/vnd.oci.empty.v1+json", 1),
		"embedded data": image(`,"subject":{"mediaType":"application/vnd.oci.empty.v1+json","size":2,"data":"e30=",` +
			`"digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}`),
		"white space":             " \n" + image("") + "\r\n\t",
		"fields of other objects": image(`,"Tag":"t","custom":{"Layers":1,"DIGEST":2}`),
		"many annotations":        image(`,"annotations":{` + members(1000) + `}`),
		"escaped key":             image(`,"\u0063ustom":1`),
	} {
		if _, err := oci.ParseManifest([]byte(body), oci.MediaTypeImageManifest); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// API-66: layers that are fetched from elsewhere.
func TestForeignLayers(t *testing.T) {
	for _, l := range []string{
		`{"digest":"` + digestA + `","size":1,"urls":["http://169.254.169.254/x"]}`, // H43: only data
		`{"digest":"` + digestA + `","size":1,"mediaType":"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"}`,
		`{"digest":"` + digestA + `","size":1,"mediaType":"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd"}`,
	} {
		m, err := oci.ParseManifest([]byte(strings.Replace(image(""), layer, l+","+layer, 1)), "")
		if err != nil || !m.Layers[0].Foreign || m.Layers[1].Foreign {
			t.Errorf("%s: %+v, %v", l, m, err)
		}
	}
	m, err := oci.ParseManifest([]byte(strings.Replace(image(""), `"size":35`, `"size":35,"urls":[]`, 1)), "")
	if err != nil || m.Layers[0].Foreign {
		t.Errorf("empty urls: %+v, %v", m, err)
	}
}

func TestParseManifestRefuses(t *testing.T) {
	index := `{"schemaVersion":2,"manifests":[` + child + `]`
	for _, c := range []struct {
		rule, name, body string
		want             string // in the message
	}{
		{"H37", "negative size", strings.Replace(image(""), `"size":35`, `"size":-1`, 1), "layers[0].size: must be a whole number"},
		{"H37", "float size", strings.Replace(image(""), `"size":35`, `"size":35.0`, 1), "layers[0].size: must be a whole number"},
		{"H37", "exponent", strings.Replace(image(""), `"size":35`, `"size":3e1`, 1), "layers[0].size: must be a whole number"},
		{"H37", "2^63", strings.Replace(image(""), `"size":35`, `"size":9223372036854775808`, 1), "layers[0].size: is too large"},
		{"H37", "20 digits", strings.Replace(image(""), `"size":35`, `"size":18446744073709551617`, 1), "layers[0].size: is too large"},
		{"H37", "size as a string", strings.Replace(image(""), `"size":35`, `"size":"35"`, 1), "layers[0].size: must be a number"},
		{"H37", "no size", strings.Replace(image(""), `,"size":7`, ``, 1), "config.size: must be there"},
		{"H38", "media type differs", strings.Replace(image(""), oci.MediaTypeImageManifest, oci.MediaTypeDockerManifest, 1), "differs from the content type"},
		{"H39", "layers and manifests", image(`,"manifests":[` + child + `]`), "manifests: must not be there"},
		{"H39", "empty manifests too", image(`,"manifests":[]`), "manifests: must not be there"},
		{"H39", "layers and blobs", image(`,"blobs":[]`), "blobs: must not be there"},
		{"H39", "layers and fsLayers", image(`,"fsLayers":[]`), "fsLayers: must not be there"},
		{"H39", "an index sent as an image", index + `}`, "must not be there"},
		{"H40", "duplicate key", image(`,"layers":[]`), `the key \"layers\" stands there twice`},
		{"H40", "duplicate key with an escape", image(`,"l\u0061yers":[]`), `twice`},
		{"H40", "duplicate in a descriptor", strings.Replace(image(""), `"size":35`, `"size":35,"digest":"`+digestA+`"`, 1), "layers[0]: the key"},
		{"H40", "duplicate annotation", image(`,"annotations":{"a":"1","a":"2"}`), "annotations: the key"},
		{"H40", "duplicate among many", image(`,"annotations":{` + members(30) + `,"k3":""}`), "annotations: the key"},
		{"H40", "duplicate in a custom field", image(`,"x":[{"a":1,"a":1}]`), "x[0]: the key"},
		{"H40", "Layers", image(`,"Layers":[]`), "'layers' by case only"},
		{"H40", "layerſ", image(`,"layer` + "ſ" + `":[]`), "'layers' by case only"},
		{"H40", "mediatype", image(`,"mediatype":""`), "'mediaType' by case only"},
		{"H40", "Digest in a descriptor", strings.Replace(image(""), `"size":35`, `"size":35,"Digest":""`, 1), "'digest' by case only"},
		{"H40", "byte order mark", "\xef\xbb\xbf" + image(""), "byte order mark"},
		{"H40", "invalid UTF-8", image(`,"x":"` + "\xff" + `"`), "not UTF-8"},
		{"H40", "half a surrogate pair", image(`,"x":"\ud800"`), "half of a surrogate pair"},
		{"H41", "truncated", image("")[:80], "ends too early"},
		{"H41", "trailing object", image("") + "{}", "data follows"},
		{"H41", "depth", image(`,"x":` + strings.Repeat("[", 10_000)), "nested too deeply"},
		{"H41", "a million layers", strings.Replace(image(""), layer, strings.Repeat("{},", 1_000_000)+layer, 1), "layers[0].digest: must be there"},
		{"H41", "members", image(`,"annotations":{` + members(5000) + `}`), "more than 4096 members"},
		{"", "empty", "", "ends too early"},
		{"", "null", "null", "must be an object"},
		{"", "array", "[]", "must be an object"},
		{"", "control character", image(`,"x":"` + "\n" + `"`), "Invalid JSON syntax at byte"},
		{"", "bad escape", image(`,"x":"\x"`), "Invalid JSON syntax at byte"},
		{"", "leading zero", image(`,"x":01`), "Invalid JSON syntax at byte"},
		{"", "bare word", image(`,"x":NaN`), "Invalid JSON syntax at byte"},
		{"", "comma", image(`,`), "Invalid JSON syntax at byte"},
		{"", "schemaVersion 1", strings.Replace(image(""), `"schemaVersion":2`, `"schemaVersion":1`, 1), "schemaVersion: must be 2"},
		{"", "no schemaVersion", strings.Replace(image(""), `"schemaVersion":2,`, ``, 1), "schemaVersion: must be 2"},
		{"", "no config", strings.Replace(image(""), `"config":`+config+`,`, ``, 1), "config: must be there"},
		{"", "null config", strings.Replace(image(""), `"config":`+config, `"config":null`, 1), "config: must be there"},
		{"", "no layers", strings.Replace(image(""), `,"layers":[`+layer+`]`, ``, 1), "layers: must be there"},
		{"", "layers as an object", strings.Replace(image(""), `[`+layer+`]`, `{}`, 1), "layers: must be an array"},
		{"H05", "short digest", strings.Replace(image(""), digestB, digestB[:70], 1), "layers[0].digest: Invalid digest"},
		{"H05", "upper-case digest", strings.Replace(image(""), digestB, "sha256:"+strings.ToUpper(digestB[7:]), 1), "layers[0].digest: Invalid digest"},
		{"H06", "sha512 digest", strings.Replace(image(""), digestB, "sha512:"+digestB[7:]+digestB[7:], 1), "only the algorithm sha256"},
		{"", "annotation that is no string", image(`,"annotations":{"a":1}`), `annotations.\"a\": must be a string`},
		{"", "data of other content", strings.Replace(image(""), `"size":35`, `"size":2,"data":"e30="`, 1), "layers[0].data: does not have"},
		{"", "data that is not base64", strings.Replace(image(""), `"size":35`, `"size":2,"data":"%%%="`, 1), "layers[0].data: does not have"},
		{"", "subject without digest", image(`,"subject":{"size":1}`), "subject.digest: must be there"},
	} {
		_, err := oci.ParseManifest([]byte(c.body), oci.MediaTypeImageManifest)
		want := strings.ReplaceAll(c.want, `\"`, `"`)
		if !fault.Is(err, fault.ManifestInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s %s: %v, want ManifestInvalid with %q", c.rule, c.name, err, want)
		}
	}
	for _, c := range []struct{ name, body, contentType string }{
		{"index with config (H39)", index + `,"config":` + config + `}`, oci.MediaTypeImageIndex},
		{"index with layers (H39)", index + `,"layers":[` + layer + `]}`, oci.MediaTypeImageIndex},
		{"Docker manifest without mediaType", strings.Replace(image(""), `"mediaType":"`+oci.MediaTypeImageManifest+`",`, "", 1), oci.MediaTypeDockerManifest},
		{"Docker list without mediaType", index + `}`, oci.MediaTypeDockerManifestList},
		{"artifact without mediaType", `{"blobs":[]}`, oci.MediaTypeArtifactManifest},
		{"signed schema 1 named unsigned", `{"schemaVersion":1,"fsLayers":[],"signatures":[]}`, oci.MediaTypeDockerLegacy},
		{"unsigned schema 1 named signed", `{"schemaVersion":1,"fsLayers":[]}`, oci.MediaTypeDockerLegacySigned},
	} {
		if _, err := oci.ParseManifest([]byte(c.body), c.contentType); !fault.Is(err, fault.ManifestInvalid) {
			t.Errorf("%s: %v, want ManifestInvalid", c.name, err)
		}
	}
}

// API-64, API-65: which media type counts.
func TestMediaTypeOfManifest(t *testing.T) {
	bare := strings.Replace(image(""), `"mediaType":"`+oci.MediaTypeImageManifest+`",`, "", 1)
	for _, c := range []struct {
		name, body, contentType string
		want                    fault.Code
	}{
		{"neither", bare, "", fault.InvalidParameter},
		{"neither", bare, "application/json", fault.InvalidParameter},
		{"not a manifest's", bare, "text/plain", fault.MediaTypeUnsupported},
		{"not a manifest's in the body", strings.Replace(image(""), oci.MediaTypeImageManifest, "application/x\u0001", 1), "", fault.MediaTypeUnsupported},
		{"too large", strings.Repeat(" ", 5<<20), oci.MediaTypeImageManifest, fault.ManifestTooLarge},
	} {
		body := strings.ReplaceAll(c.body, "\u0001", `\u0001`)
		if _, err := oci.ParseManifest([]byte(body), c.contentType); !fault.Is(err, c.want) {
			t.Errorf("%s %q: %v, want %s", c.name, c.contentType, err, c.want)
		}
	}
}

// API-52: a sum that no int64 holds does not become negative.
func TestSizeSaturates(t *testing.T) {
	m, err := oci.ParseManifest([]byte(strings.Replace(image(""), `"size":35`, `"size":9223372036854775807`, 1)), "")
	if err != nil || m.Size() != math.MaxInt64 {
		t.Errorf("%+v, %v", m, err)
	}
}

// H41: four megabytes of anything take memory in proportion.
func TestHostileManifestsAreBounded(t *testing.T) {
	descriptor := `{"digest":"` + digestA + `","size":1},`
	object := `{` + members(4096) + `},`
	for name, body := range map[string]string{
		"descriptors": strings.Replace(image(""), layer, strings.Repeat(descriptor, (4<<20-1000)/len(descriptor))+layer, 1),
		"objects":     image(`,"x":[` + strings.Repeat(`{},`, (4<<20-1000)/3) + `0]`),
		"members":     image(`,"x":[` + strings.Repeat(object, (4<<20-1000)/len(object)) + `0]`),
		"numbers":     image(`,"x":[` + strings.Repeat(`0,`, (4<<20-1000)/2) + `0]`),
		"escapes":     image(`,"x":"` + strings.Repeat(`\u0041`, (4<<20-1000)/6) + `"`),
		"one string":  image(`,"x":"` + strings.Repeat(`a`, 4<<20-1000)),
		"brackets":    strings.Repeat("[", 4<<20),
	} {
		if len(body) > oci.MaxManifest {
			t.Fatalf("%s: %d bytes", name, len(body))
		}
		text := []byte(body)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _ = oci.ParseManifest(text, "")
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
			t.Errorf("%s: %d MiB allocated", name, n>>20)
		}
	}
}

// What is accepted, Go's own decoder reads in the same way.
func FuzzParseManifest(f *testing.F) {
	for _, seed := range []string{image(""), image(`,"subject":` + child), `{"schemaVersion":2,"manifests":[` + child + `]}`, `{"\u006c":"\ud83d\ude00"}`, `[`, ``} {
		f.Add([]byte(seed), oci.MediaTypeImageManifest)
		f.Add([]byte(seed), oci.MediaTypeImageIndex)
	}
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		m, err := oci.ParseManifest(body, contentType)
		if err != nil {
			if fault.As(err) == nil {
				t.Fatalf("not a fault: %v", err)
			}
			return
		}
		var same struct {
			MediaType                string
			Config, Subject          *struct{ Digest oci.Digest }
			Layers, Manifests, Blobs []struct {
				Digest oci.Digest
				Size   int64
			}
		}
		if err := json.Unmarshal(body, &same); err != nil {
			t.Fatalf("accepted, but encoding/json says: %v", err)
		}
		if same.MediaType != "" && same.MediaType != m.MediaType || (same.Subject == nil) != (m.Subject == nil) || len(same.Manifests) != len(m.Children) {
			t.Fatalf("read as %+v, by encoding/json as %+v", m, same)
		}
		if m.Kind == oci.Image {
			for i, l := range append(same.Layers, same.Blobs...) {
				if m.Layers[i].Digest != l.Digest || m.Layers[i].Size != l.Size {
					t.Fatalf("layer %d: %+v, by encoding/json %+v", i, m.Layers[i], l)
				}
			}
		}
	})
}

// members is n members of an object.
func members(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"k` + strconv.Itoa(i) + `":""`)
	}
	return b.String()
}
