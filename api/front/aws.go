package front

import (
	"crypto/sha256"
	"io"
	"net/http"
	"strings"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/awswire"
	"github.com/berth-registry/berth/lang/sigv4"
)

const (
	bodyMost  = 1 << 20  // bytes of a call whose operation is not known before its body is read (H54)
	bodyFirst = 64 << 10 // bytes: room for a body before anything of it has come
	// bodyUnsigned is how many bytes a call without a signature may have: a token of 20,000 characters and a session policy, both escaped (STS-10).
	bodyUnsigned = 128 << 10
)

// aws answers a call of the AWS APIs, whichever service it is for: that is told by X-Amz-Target or Action and by the signature's scope, not by the host (API-2).
func (f *Front) aws(x *exchange, r *http.Request) {
	x.operation = "aws"
	if r.URL.Path != "/" {
		http.Error(&x.response, "There is nothing here. Container clients use /v2/, AWS clients POST to /.", http.StatusNotFound)
		return
	}
	service, err := f.serveAWS(x, r)
	if err == nil {
		return
	}
	x.code = service.WireCode(err)
	x.fails(err)
	if !service.Names(err) { // also a fault of another door's, which nobody here could word
		x.failure = err
	}
	service.WriteError(&x.response, err, x.call.RequestID)
}

// serveAWS answers the call, or says by which service's wire the error is to be told.
func (f *Front) serveAWS(x *exchange, r *http.Request) (*awswire.Service, error) {
	isJSON := len(r.Header["X-Amz-Target"]) > 0 || strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-amz-json-")
	door := awswire.FrontDoor(awswire.Query)
	if isJSON {
		door = awswire.FrontDoor(awswire.JSON)
	}
	x.door = door
	// The order of API-22: what is wrong with the signature's form, scope and time is told before the body is read, as far as it can be. What is asked for
	// stands in a header, or in the body of a form.
	signature, err := sigv4.Parse(r)
	unsigned := fault.Is(err, fault.MissingCredentials)
	if err != nil && !unsigned {
		return door, err
	}
	var body []byte
	most := int64(bodyMost)
	if unsigned {
		most = bodyUnsigned
	}
	if !isJSON {
		if body, err = readBody(r, most); err != nil {
			return door, err
		}
	}
	target, err := awswire.Target(r, body)
	if err != nil && !unsigned {
		return door, err
	}
	service := f.service(target, signature)
	switch {
	case unsigned && service != nil && err == nil:
		return service, f.serveUnsigned(x, r, service, target, body)
	case unsigned:
		return door, errUnsigned()
	case service == nil:
		return door, fault.New(fault.UnknownOperation, "There is no such operation.")
	}
	x.door = service
	if err := f.checkScope(x, service, signature); err != nil {
		return service, err
	}
	x.call.Region, x.call.AccessKeyID = signature.Region, signature.AccessKeyID
	op, notServed := service.Find(target)
	if op != nil {
		x.named(service, op)
	}
	r = x.with(r)
	if err := f.arrive(x, r, signature.AccessKeyID); err != nil {
		f.note(x)
		return service, err
	}
	credential, unknown := f.Identity.Credential(r.Context(), signature.AccessKeyID, signature.SecurityToken, x.begin)
	if unknown != nil && fault.As(unknown) == nil {
		return service, unknown
	}
	if unknown == nil { // it is not proved yet, but layers of thin lines come in such bodies
		x.known()
	}
	if isJSON {
		if op != nil && unknown == nil {
			most = op.BodyLimit // strangers do not get room for layers
		}
		if body, err = readBody(r, most); err != nil {
			f.note(x)
			return service, err
		}
	}
	if err := f.verify(x, r, signature, credential, unknown, body); err != nil {
		f.note(x)
		return service, err
	}
	if notServed != nil {
		return service, notServed
	}
	if err := f.throttle(x, x.operation); err != nil {
		return service, err
	}
	return service, f.perform(x, r, service, op, body)
}

// named notes which operation is called, for the log, the metrics and the audit.
func (x *exchange) named(service *awswire.Service, op *awswire.Operation) {
	x.operation = service.Model().SigningName + ":" + op.Name
	x.call.Audit.Action = x.operation
}

func errUnsigned() error {
	return fault.New(fault.MissingCredentials, "Missing Authentication Token")
}

// serveUnsigned answers a call that nobody signed: of an operation whose model asks for no signature, because what it is given proves who calls
// (STS-10), and of no other. A signature that is there is judged like every other; only its absence is forgiven.
func (f *Front) serveUnsigned(x *exchange, r *http.Request, service *awswire.Service, target awswire.Call, body []byte) error {
	op, err := service.Find(target)
	if err != nil || !op.Unsigned {
		return errUnsigned()
	}
	x.door = service
	x.call.Region = f.Names.endpointRegion(r.Host)
	x.named(service, op)
	if service.Model().Protocol == awswire.JSON {
		if body, err = readBody(r, min(bodyUnsigned, op.BodyLimit)); err != nil {
			f.note(x)
			return err
		}
	}
	done, ok := service.Admit() // only now, with the body here: who sends slowly must not keep others out
	if !ok {
		f.note(x)
		return fault.New(fault.Throttled, "Rate exceeded")
	}
	defer done()
	return f.perform(x, x.with(r), service, op, body)
}

// perform runs the operation and writes its result.
func (f *Front) perform(x *exchange, r *http.Request, service *awswire.Service, op *awswire.Operation, body []byte) error {
	in, err := op.Decode(r, body)
	if err != nil {
		f.note(x)
		return err
	}
	if err := f.work(x, r); err != nil {
		f.note(x)
		return err
	}
	out, err := op.Call(r.Context(), in)
	f.note(x)
	if err != nil {
		if known := fault.As(err); known != nil && x.call.Audit.Error == "" {
			x.call.Audit.Error = string(known.Code)
		}
		return err
	}
	return service.WriteResult(&x.response, op, out, x.call.RequestID)
}

// note fills the audit record of a call that asked for no permission, or was refused before it could.
func (f *Front) note(x *exchange) {
	a := &x.call.Audit
	if a.RequestID != "" {
		return
	}
	x.call.Describe()
	if x.call.Principal == nil {
		a.Decision = "Deny" // nobody signed in
	}
}

// service finds the service that is called: of JSON by the target's prefix, of query by the version and, where there is a signature, by its scope.
func (f *Front) service(c awswire.Call, s *sigv4.Signature) *awswire.Service {
	for _, service := range f.Services {
		m := service.Model()
		if m.Protocol != c.Protocol {
			continue
		}
		if c.Protocol == awswire.JSON && m.TargetPrefix == c.TargetPrefix || c.Protocol == awswire.Query && m.Version == c.Version {
			return service
		}
	}
	if c.Protocol == awswire.JSON || s == nil {
		return nil
	}
	for _, service := range f.Services { // a query call without a version, or with a wrong one: its own service says so
		if m := service.Model(); m.Protocol == awswire.Query && m.SigningName == s.Service {
			return service
		}
	}
	return nil
}

// checkScope compares what was signed for with what is called (API-19, API-20).
func (f *Front) checkScope(x *exchange, service *awswire.Service, s *sigv4.Signature) error {
	served := f.Names.Serves
	switch service.Reach() {
	case awswire.Global:
		// IAM and Organizations are global and sign for us-east-1, whatever regions this cell serves (ORG-1); so does the global endpoint of STS (STS-1). But a
		// client that is told an endpoint, as by AWS_ENDPOINT_URL, signs for the region that it works in, also for these.
		served = func(region string) bool { return region == "us-east-1" || f.Names.Serves(region) }
	case awswire.Regionless:
		served = func(string) bool { return true }
	}
	return s.CheckScope(served, service.Model().SigningName, x.begin)
}

// verify proves that whose key it is signed (API-12 to API-22).
func (f *Front) verify(x *exchange, r *http.Request, s *sigv4.Signature, credential *iam.Credential, unknown error, body []byte) error {
	secret := ""
	if unknown == nil {
		secret = credential.Secret
	}
	// An unknown key costs the same work as a wrong signature, so that time does not tell which keys exist (H68).
	if err := s.Verify(r, f.keys, secret, sha256.Sum256(body)); unknown != nil {
		return unknown
	} else if err != nil {
		return err
	}
	x.call.SignedBy(credential)
	sourceARN, account := r.Header["X-Amz-Source-Arn"], r.Header["X-Amz-Source-Account"] // both are signed, as every X-Amz header that is there (H61)
	if len(sourceARN) > 1 || len(account) > 1 {
		return fault.New(fault.MalformedSignature, "X-Amz-Source-Arn and X-Amz-Source-Account are allowed only once.")
	}
	return x.call.ActFor(strings.Join(sourceARN, ""), strings.Join(account, ""))
}

// readBody reads a call's body, of at most so many bytes. Memory grows with what comes, not with what is announced: nobody has proved yet who he is.
func readBody(r *http.Request, most int64) ([]byte, error) {
	if r.ContentLength > most {
		return nil, tooLarge(most)
	}
	body := make([]byte, 0, min(max(r.ContentLength, 512), bodyFirst))
	for {
		n, err := r.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if int64(len(body)) > most {
			return nil, tooLarge(most)
		}
		if err == io.EOF {
			return body, nil
		}
		if err != nil {
			return nil, fault.Wrap(err, fault.MalformedRequest, "The body ended before its announced length.")
		}
		if len(body) == cap(body) {
			body = append(body, 0)[:len(body)]
		}
	}
}

func tooLarge(most int64) error {
	return fault.New(fault.MalformedRequest, "The body is larger than %d bytes.", most)
}
