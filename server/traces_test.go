package server_test

import (
	"context"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/berth-registry/berth/berthtest"
	"github.com/berth-registry/berth/server"
)

// receiver is a collector of traces, as the OTLP specification has it over HTTP.
type receiver struct {
	URL  string
	mu   sync.Mutex
	all  []span
	more chan struct{}
}

// span is a span with its attributes and those of what sent it.
type span struct {
	*otlp.Span
	is, from map[string]string
}

func values(list []*common.KeyValue) map[string]string {
	m := map[string]string{}
	for _, kv := range list {
		if m[kv.Key] = kv.Value.GetStringValue(); m[kv.Key] == "" {
			m[kv.Key] = kv.Value.String()
		}
	}
	return m
}

func receive(t *testing.T) *receiver {
	r := &receiver{more: make(chan struct{}, 1)}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		var in collector.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(body, &in)
		}
		if err != nil || req.Method != "POST" || req.URL.Path != "/v1/traces" || req.Header.Get("Content-Type") != "application/x-protobuf" {
			t.Errorf("%s %s of %s: %v", req.Method, req.URL, req.Header.Get("Content-Type"), err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, from := range in.ResourceSpans {
			for _, scope := range from.ScopeSpans {
				for _, s := range scope.Spans {
					r.all = append(r.all, span{s, values(s.Attributes), values(from.Resource.Attributes)})
				}
			}
		}
		select {
		case r.more <- struct{}{}:
		default:
		}
	}))
	t.Cleanup(s.Close)
	r.URL = s.URL
	return r
}

// until waits until the spans that have come are enough.
func (r *receiver) until(t *testing.T, enough func(all []span) bool) []span {
	t.Helper()
	late := time.After(time.Minute)
	for {
		r.mu.Lock()
		all := slices.Clone(r.all)
		r.mu.Unlock()
		if enough(all) {
			return all
		}
		select {
		case <-r.more:
		case <-late:
			t.Fatalf("the spans do not come; there are %d: %v", len(all), all)
		}
	}
}

// One pull is one trace, from the front door to the statements and the bytes that it waited for; the request's id leads from an answer to its span. What is not to be known to
// those who look at traces is in none of them.
func TestTracesOfAPull(t *testing.T) {
	const trace, above = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	r, data := receive(t), t.TempDir()
	image := berthtest.NewImage(make([]byte, 200_000)) // too large to lie in the database
	shared := func(c *server.Config) {
		c.Data, c.Account, c.TrustedProxy = data, vendor, []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	}
	t.Run("without a collector", func(t *testing.T) {
		s := berthtest.Start(t, shared)
		if _, err := s.Root(t).ECR(region).CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")}); err != nil {
			t.Fatal(err)
		}
		s.Push(t, s.Root(t).Login(t, region), there, "1", image)
	})
	if len(r.all) > 0 {
		t.Fatalf("without a collector there are %d spans", len(r.all))
	}

	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", r.URL)
	t.Setenv("OTEL_SERVICE_NAME", "registry-of-a-test")
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
	s := berthtest.Start(t, shared) // anew, so that nothing is remembered
	login := s.Root(t).Login(t, region)
	parent := "00-" + trace + "-" + above + "-01"
	manifest, _ := s.Do(t, login, "GET", there+"/manifests/1", nil, "Traceparent", parent)
	layer := berthtest.Digest(image.Layers[0])
	blob, _ := s.Do(t, login, "GET", there+"/blobs/"+layer, nil, "Traceparent", parent)
	url, err := s.Root(t).ECR(region).GetDownloadUrlForLayer(t.Context(), &ecr.GetDownloadUrlForLayerInput{RepositoryName: aws.String("app"), LayerDigest: &layer})
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := http.Get(*url.DownloadUrl); err != nil || resp.StatusCode != 200 {
		t.Fatalf("%v %v", resp, err)
	}
	// A stranger's traceparent makes no part of our trace his, nor the other way round.
	req, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+"/v2/"+there+"/manifests/none", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Traceparent", parent)
	req.Header.Set("Authorization", login)
	elsewhere := &http.Client{Transport: &http.Transport{DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}).DialContext, DisableKeepAlives: true}}
	stranger, err := elsewhere.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	stranger.Body.Close()

	find := func(all []span, id string) *span {
		i := slices.IndexFunc(all, func(s span) bool { return s.is["berth.request_id"] == id })
		if i < 0 {
			return nil
		}
		return &all[i]
	}
	id := func(resp *http.Response) string { return resp.Header.Get("X-Amzn-Requestid") }
	all := r.until(t, func(all []span) bool { return find(all, id(stranger)) != nil && find(all, id(blob)) != nil })

	for resp, name := range map[*http.Response]string{manifest: "GET /v2/{name}/manifests/{reference}", blob: "GET /v2/{name}/blobs/{digest}"} {
		of := find(all, id(resp))
		if of == nil || hex.EncodeToString(of.TraceId) != trace || hex.EncodeToString(of.ParentSpanId) != above || of.Name != name || of.Kind != otlp.Span_SPAN_KIND_SERVER {
			t.Fatalf("%s: %v", name, of)
		}
		for key, want := range map[string]string{"berth.account": vendor, "berth.region": region, "http.response.status_code": `int_value:200`, "http.request.method": "GET"} {
			if of.is[key] != want {
				t.Errorf("%s: %s is %s", name, key, of.is[key])
			}
		}
		if of.from["service.name"] != "registry-of-a-test" {
			t.Errorf("it comes from %v", of.from)
		}
		below := map[string]int{}
		for _, s := range all {
			if string(s.ParentSpanId) != string(of.SpanId) {
				continue
			}
			below[s.Name]++
			if string(s.TraceId) != string(of.TraceId) || s.StartTimeUnixNano < of.StartTimeUnixNano || s.EndTimeUnixNano > of.EndTimeUnixNano {
				t.Errorf("%s: %v does not lie within it", name, s)
			}
			if strings.HasPrefix(s.Name, "sql.") && s.is["db.system.name"] != "sqlite" {
				t.Errorf("%v is of no database", s)
			}
		}
		if below["sql.read"]+below["sql.view"] == 0 || (below["blob.open"] == 1) != (resp == blob) {
			t.Errorf("%s waited for %v", name, below)
		}
	}

	other := find(all, id(stranger))
	if hex.EncodeToString(other.TraceId) == trace || len(other.ParentSpanId) > 0 || len(other.Links) != 1 || hex.EncodeToString(other.Links[0].TraceId) != trace {
		t.Errorf("the trace of somebody who is no trusted proxy: %v", other)
	}
	if other.is["error.type"] != "MANIFEST_UNKNOWN" || other.Status.GetCode() == otlp.Status_STATUS_CODE_ERROR {
		t.Errorf("a tag that is not there: %v", other)
	}

	sealed := (*url.DownloadUrl)[strings.LastIndexByte(*url.DownloadUrl, '/')+1:]
	for _, s := range all {
		for _, secret := range []string{strings.TrimPrefix(login, "Basic "), sealed, "AKIA", "Signature"} {
			if secret != "" && strings.Contains(s.String(), secret) {
				t.Errorf("%v tells %q", s, secret)
			}
		}
	}
}

// A collector that is not there does no harm, and a protocol that is not spoken is said at the start.
func TestTracesThatGoNowhere(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "100")
	t.Setenv("OTEL_BSP_EXPORT_TIMEOUT", "100")
	s := berthtest.Start(t)
	if resp, _ := s.Do(t, s.Root(t).Login(t, region), "GET", "", nil); resp.StatusCode != http.StatusOK {
		t.Error(resp.Status)
	}
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
	if _, err := server.Open(context.Background(), config(t.TempDir()), server.Options{}); err == nil || !strings.Contains(err.Error(), "4318") {
		t.Errorf("grpc: %v", err)
	}
}
