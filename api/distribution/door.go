// Package distribution is the door for container clients: the OCI distribution specification v1.1 under /v2/, as ECR speaks it.
//
// A request is parsed once into a kind and dispatched by one table. Each handler asks registry.Open for the repository, naming the actions of HTTP-10,
// before it looks at the body or tells anything; what it may then do is the handle's to decide. Who is calling, and which registry they call, the front
// door has settled before.
package distribution

import (
	"net/http"
	"strings"
	"sync"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/registry"
)

// Door answers requests of container clients. It must not be copied once it serves.
type Door struct {
	// Registry holds the repositories.
	Registry *registry.Registry
	// ChunkCreated answers an uploaded chunk with 201, as AWS does, and not with the 202 of the specification (HTTP-21).
	ChunkCreated bool

	buffers sync.Pool // of *[smallBlob]byte
}

// Target is what the front door made of a request's host and path.
type Target struct {
	// Account and Region name the registry, whichever way the client wrote it.
	Account, Region string
	// Prefix stands before the repository's name in the client's URLs: "" when the host names the registry, "111122223333/us-east-1/" in the path form.
	Prefix string
	// Path is the path after "/v2/" and after Prefix, decoded once.
	Path string
}

// exchange is one request on its way through a handler.
type exchange struct {
	w http.ResponseWriter
	r *http.Request
	t Target
	request
}

type handler func(*Door, *exchange) error

// route is what a kind of resource can do; a nil handler is a 405. HEAD is GET: net/http leaves the body out.
type route struct{ get, post, put, patch, delete handler }

func (rt *route) handler(method string) handler {
	switch method {
	case http.MethodGet, http.MethodHead:
		return rt.get
	case http.MethodPost:
		return rt.post
	case http.MethodPut:
		return rt.put
	case http.MethodPatch:
		return rt.patch
	case http.MethodDelete:
		return rt.delete
	}
	return nil
}

func (rt *route) methods() (methods []string) {
	for _, m := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if rt.handler(m) != nil {
			methods = append(methods, m)
		}
	}
	return methods
}

// Routes lists what the door answers, as "PUT {name}/manifests/{reference}" with the path after "/v2/": for the test that knocks at every one of them.
func Routes() (list []string) {
	for k := range kinds {
		rt := routeOf(k)
		for _, method := range rt.methods() {
			list = append(list, method+" "+k.String())
		}
	}
	return list
}

// routeOf is the table of what each kind can do. It is a function, so that nothing can change it.
func routeOf(k kind) route {
	switch k {
	case base:
		return route{get: (*Door).base}
	case catalog:
		return route{get: (*Door).catalog}
	case tags:
		return route{get: (*Door).tags}
	case manifest:
		return route{get: (*Door).getManifest, put: (*Door).putManifest, delete: (*Door).deleteManifest}
	case referrers:
		return route{get: (*Door).referrers}
	case blob:
		return route{get: (*Door).getBlob} // no DELETE: layers go when no image needs them (H33)
	case uploads:
		return route{post: (*Door).startUpload}
	case upload:
		return route{get: (*Door).uploadStatus, patch: (*Door).uploadChunk, put: (*Door).completeUpload, delete: (*Door).cancelUpload}
	}
	return route{}
}

// Serve answers one authenticated request. An error means that nothing is written but headers that belong to the answer: the caller ends it with
// WriteError. An error of type *Interrupted means that the answer had begun; WriteError adds nothing to it.
func (d *Door) Serve(w http.ResponseWriter, r *http.Request, t Target) error {
	w.Header()["Docker-Distribution-Api-Version"] = apiVersion
	x := &exchange{w: w, r: r, t: t}
	var err error
	if x.request, err = parse(t.Path); err != nil {
		return err
	}
	// A slash that was written as %2F is a part of no name, although it decodes to one that may exist (H03).
	if r.URL.RawPath != "" && hasEncodedSlash(r.URL.RawPath) {
		return fault.New(fault.NameInvalid, "Invalid repository name: it holds an encoded slash")
	}
	rt := routeOf(x.kind)
	handle := rt.handler(r.Method)
	if handle == nil {
		w.Header()["Allow"] = []string{strings.Join(rt.methods(), ", ")} // RFC 9110, 15.5.6
		return fault.New(fault.MethodNotAllowed, "The operation is unsupported")
	}
	return handle(d, x)
}

// base is the version check (HTTP-7): it needs credentials, which the front door has seen, and no permission.
func (d *Door) base(x *exchange) error {
	x.json(http.StatusOK, []byte("{}"))
	return nil
}

// open is the repository of the request, for the actions named (HTTP-10).
func (d *Door) open(x *exchange, actions ...string) (*registry.Repo, error) {
	return d.Registry.Open(x.r.Context(), x.ref(x.name), actions...)
}

// openImage is the repository of the request, for an action on the image that it names.
func (d *Door) openImage(x *exchange, action string, image registry.Reference) (*registry.Repo, error) {
	return d.Registry.OpenImages(x.r.Context(), x.ref(x.name), action, image)
}

func (x *exchange) ref(name string) registry.Ref {
	return registry.Ref{Account: x.t.Account, Region: x.t.Region, Name: name}
}

// url is the path of something of this repository, as the client has to write it. It is relative to the host: a Location made from a Host or
// X-Forwarded header would send clients where the header says (H16).
func (x *exchange) url(rest ...string) string {
	return "/v2/" + x.t.Prefix + x.name + strings.Join(rest, "")
}

// Values of headers that are always the same, shared so that an answer need not allocate them. Nobody may change them.
var (
	apiVersion  = []string{"registry/2.0"}
	octetStream = []string{"application/octet-stream"}
	jsonType    = []string{"application/json; charset=utf-8"}
	indexType   = []string{"application/vnd.oci.image.index.v1+json"}
	acceptBytes = []string{"bytes"}
	noLength    = []string{"0"}
)

// json answers with a body that berth made.
func (x *exchange) json(status int, body []byte) {
	h := x.w.Header()
	if h["Content-Type"] == nil {
		h["Content-Type"] = jsonType
	}
	h["Content-Length"] = []string{itoa(int64(len(body)))}
	x.w.WriteHeader(status)
	_, _ = x.w.Write(body) // a client that went away is no error of ours
}

// empty answers without a body.
func (x *exchange) empty(status int) {
	if status != http.StatusNoContent {
		x.w.Header()["Content-Length"] = noLength
	}
	x.w.WriteHeader(status)
}
