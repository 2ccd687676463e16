package front

import (
	"encoding/base64"
	"io"
	"net/http"
	"strings"

	"github.com/berth-registry/berth/api/distribution"
	"github.com/berth-registry/berth/fault"
)

const (
	// mostAuthorization bounds in bytes the header that is decoded: that of a password of a session with as many tags and policies as there may be (H71).
	mostAuthorization = 11 << 10
	// usualAuthorization is what nearly every password has room in, so that decoding it takes none from the heap.
	usualAuthorization = 2048
)

// registry answers a container client. path is what follows /v2/.
func (f *Front) registry(x *exchange, r *http.Request, path string) {
	x.operation = registryOperation(r.Method, path)
	err := f.serveRegistry(x, r, path)
	if err == nil {
		return
	}
	x.code = distribution.Code(err)
	x.fails(err)
	if fault.As(err) != nil && x.call.Audit.Action != "" && x.call.Audit.Error == "" {
		x.call.Audit.Error = string(fault.As(err).Code)
	}
	if x.call.Principal != nil {
		takeRest(r)
	}
	distribution.WriteError(&x.response, r, err, x.call.RequestID)
}

// restMost is the size in bytes up to which a refused body is read all the same: all of a manifest that is too large, and no layer.
const restMost = 16 << 20

// takeRest reads what is on its way of a body that was refused. Many clients look for the answer only when they have sent everything; to them a connection
// that closes before looks like a broken network, and not like a refusal that says why. Who asks first (100-continue) is answered before he sends (H34).
func takeRest(r *http.Request) {
	if 0 < r.ContentLength && r.ContentLength <= restMost && r.Header.Get("Expect") == "" {
		io.Copy(io.Discard, r.Body) //nolint:errcheck // the answer is given whatever becomes of the body
	}
}

func (f *Front) serveRegistry(x *exchange, r *http.Request, path string) error {
	// Who is calling comes before where: a stranger learns nothing about what exists, not even which regions (H17).
	at, rest, where := f.Names.registry(r.Host, path)
	r = x.with(r)
	err := f.arrive(x, r, strings.Join(r.Header["Authorization"], ""))
	if err == nil {
		err = f.signIn(x, r, at.region)
	}
	if err != nil {
		if len(r.Header["Authorization"]) > 0 { // clients ask without one first, to see the challenge
			x.call.Region, x.call.Audit.Action = at.region, "ecr:SignIn"
			f.note(x)
			x.call.Audit.Owner, x.call.Audit.Decision = at.account, "Deny"
		}
		return err
	}
	if where != nil {
		return where
	}
	x.call.Region = at.region
	if err := f.throttle(x, operationOf(x.operation)); err != nil {
		x.call.Audit.Owner = at.account
		return err
	}
	if err := f.work(x, r); err != nil {
		x.call.Audit.Owner = at.account
		return err
	}
	return f.Distribution.Serve(&x.response, r, distribution.Target{Account: at.account, Region: at.region, Prefix: at.prefix, Path: rest})
}

// signIn finds who presents a registry password (HTTP-4, HTTP-5).
func (f *Front) signIn(x *exchange, r *http.Request, region string) error {
	values := r.Header["Authorization"]
	if len(values) != 1 {
		return fault.New(fault.MissingCredentials, "Not Authorized")
	}
	const scheme = "Basic " // in any case (RFC 9110, 11.1)
	if len(values[0]) > len(scheme)+mostAuthorization || len(values[0]) < len(scheme) || !strings.EqualFold(values[0][:len(scheme)], scheme) {
		return fault.New(fault.MissingCredentials, "Not Authorized")
	}
	encoded := values[0][len(scheme):]
	var usual [usualAuthorization]byte
	room := usual[:]
	if len(encoded) > len(room) {
		room = make([]byte, len(encoded))
	}
	n, err := base64.StdEncoding.Decode(room, []byte(encoded))
	if err != nil {
		return fault.New(fault.UnknownCredentials, "Not Authorized")
	}
	password, ok := strings.CutPrefix(string(room[:n]), "AWS:")
	if !ok {
		return fault.New(fault.UnknownCredentials, "Not Authorized")
	}
	credential, err := f.Identity.SignIn(r.Context(), password, region, x.begin)
	if err != nil {
		return err
	}
	x.call.SignedBy(credential)
	x.known()
	x.arrived()
	return nil
}

// registryOperation names a request for the metrics and the access log: a fixed set, whatever the path holds.
func registryOperation(method, path string) string {
	kind := "Base"
	switch {
	case path == "":
	case path == "_catalog" || strings.HasSuffix(path, "/_catalog"):
		kind = "Catalog"
	case strings.Contains(path, "/blobs/uploads"):
		kind = "Upload"
	case strings.Contains(path, "/blobs/"):
		kind = "Blob"
	case strings.Contains(path, "/manifests/"):
		kind = "Manifest"
	case strings.Contains(path, "/referrers/"):
		kind = "Referrers"
	case strings.HasSuffix(path, "/tags/list"):
		kind = "Tags"
	}
	for _, known := range registryOperations {
		if strings.HasPrefix(known, method) && known[len(method)+1:] == kind {
			return known
		}
	}
	return "Other " + kind
}

// registryOperations are listed so that naming a request costs no allocation.
var registryOperations = [...]string{
	"GET Manifest", "HEAD Manifest", "PUT Manifest", "DELETE Manifest", "GET Blob", "HEAD Blob", "DELETE Blob",
	"POST Upload", "PATCH Upload", "PUT Upload", "GET Upload", "DELETE Upload",
	"GET Tags", "GET Referrers", "GET Catalog", "GET Base",
}
