package distribution

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/berth-registry/berth/fault"
)

// answer is how a condition of the domain looks to a container client.
type answer struct {
	status int
	code   string // of HTTP-9
}

// answerOf is the one table from faults to this wire (HTTP-5 to HTTP-9, HTTP-13, HTTP-16, HTTP-17, HTTP-22, HTTP-30, HTTP-31); ok is false for a code
// that it does not know, which a test forbids. What only an administrator's operations can cause does not come here; it has an answer so that nothing is a
// 500.
func answerOf(code fault.Code) (a answer, ok bool) {
	switch code {
	case fault.MissingCredentials, fault.MalformedSignature, fault.SignatureMismatch, fault.UnknownCredentials:
		return answer{http.StatusUnauthorized, "UNAUTHORIZED"}, true
	case fault.ExpiredCredentials, fault.AccessDenied, fault.EncryptionKeyUnusable:
		return answer{http.StatusForbidden, "DENIED"}, true

	case fault.UnknownOperation:
		return answer{http.StatusNotFound, "UNSUPPORTED"}, true
	case fault.MethodNotAllowed, fault.MediaTypeUnsupported:
		return answer{http.StatusMethodNotAllowed, "UNSUPPORTED"}, true
	case fault.MalformedRequest, fault.InvalidParameter, fault.Validation, fault.StorageClassNotSupported:
		return answer{http.StatusBadRequest, "UNSUPPORTED"}, true
	case fault.NameInvalid:
		return answer{http.StatusBadRequest, "NAME_INVALID"}, true
	case fault.TagInvalid, fault.ImageTagAlreadyExists, fault.ImageAlreadyExists:
		return answer{http.StatusBadRequest, "TAG_INVALID"}, true
	case fault.DigestInvalid, fault.ImageDigestDoesNotMatch, fault.InvalidLayer:
		return answer{http.StatusBadRequest, "DIGEST_INVALID"}, true
	case fault.RangeInvalid, fault.InvalidLayerPart:
		return answer{http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID"}, true
	case fault.SizeInvalid:
		return answer{http.StatusBadRequest, "SIZE_INVALID"}, true
	case fault.ManifestTooLarge:
		return answer{http.StatusRequestEntityTooLarge, "SIZE_INVALID"}, true
	case fault.ManifestInvalid:
		return answer{http.StatusBadRequest, "MANIFEST_INVALID"}, true
	case fault.Throttled, fault.LimitExceeded:
		return answer{http.StatusTooManyRequests, "TOOMANYREQUESTS"}, true
	case fault.Unavailable:
		return answer{http.StatusServiceUnavailable, "UNAVAILABLE"}, true

	case fault.RepositoryNotFound:
		return answer{http.StatusNotFound, "NAME_UNKNOWN"}, true
	case fault.ImageNotFound, fault.ImageArchived:
		return answer{http.StatusNotFound, "MANIFEST_UNKNOWN"}, true
	case fault.LayersNotFound:
		return answer{http.StatusNotFound, "MANIFEST_BLOB_UNKNOWN"}, true
	case fault.ReferencedImagesNotFound:
		return answer{http.StatusBadRequest, "MANIFEST_BLOB_UNKNOWN"}, true
	case fault.LayerNotFound, fault.LayerInaccessible:
		return answer{http.StatusNotFound, "BLOB_UNKNOWN"}, true
	case fault.ImageReferenced:
		return answer{http.StatusBadRequest, "DENIED"}, true
	case fault.UploadNotFound:
		return answer{http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN"}, true
	case fault.UploadBusy:
		return answer{http.StatusConflict, "BLOB_UPLOAD_INVALID"}, true
	case fault.LayerPartTooSmall, fault.EmptyUpload, fault.LayerAlreadyExists:
		return answer{http.StatusBadRequest, "BLOB_UPLOAD_INVALID"}, true
	}
	if slices.Contains(fault.Codes(fault.Repositories, fault.Identities, fault.Sessions, fault.Organizations), code) {
		return answer{http.StatusBadRequest, "UNSUPPORTED"}, true
	}
	return answer{}, false
}

// Throttled is the Detail of fault.Throttled: which operation of the API was called too often, as what the request counts (HTTP-31).
type Throttled struct {
	Operation string  `json:"operation"`
	PerSecond float64 `json:"perSecond"` // how often it may be called by an account in a region
}

// Interrupted is the error of an answer that had begun: the client has seen a status and cannot be told more than that the connection ends.
type Interrupted struct{ Err error }

// Error returns the cause.
func (e *Interrupted) Error() string { return "the answer was interrupted: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *Interrupted) Unwrap() error { return e.Err }

// Code is err's name on this wire, for metrics and the access log: "" without an error, "UNKNOWN" for one that is no fault.
func Code(err error) string {
	if err == nil {
		return ""
	}
	if f := fault.As(err); f != nil {
		if a, ok := answerOf(f.Code); ok {
			return a.code
		}
	}
	return "UNKNOWN"
}

// WriteError ends an answer with err: the envelope of HTTP-9, or for missing and unknown credentials the plain text and the challenge of HTTP-5. An
// error that is no fault is a 500 that shows only requestID; nothing of its text. It adds to the headers that are there, and writes nothing for
// *Interrupted.
func WriteError(w http.ResponseWriter, r *http.Request, err error, requestID string) {
	if errors.As(err, new(*Interrupted)) {
		return
	}
	h := w.Header()
	h["Docker-Distribution-Api-Version"] = apiVersion
	f := fault.As(err)
	a, known := answer{http.StatusInternalServerError, "UNKNOWN"}, false
	if f != nil {
		if b, ok := answerOf(f.Code); ok {
			a, known = b, true
		}
	}
	if a.status == http.StatusUnauthorized {
		writeChallenge(w, r)
		return
	}
	var body struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Detail  any    `json:"detail,omitempty"`
	}
	body.Code = a.code
	switch {
	case !known:
		body.Message = "An internal error occurred. Give the request id to the operator of this registry."
		body.Detail = map[string]string{"requestId": requestID}
	case f.Code == fault.ExpiredCredentials:
		body.Message = "Your authorization token has expired. Reauthenticate and try again." // clients depend on this text (HTTP-6)
	default:
		body.Message = f.Message
	}
	if known {
		if t, ok := f.Detail.(Throttled); ok {
			body.Detail = t
		}
	}
	if h["Retry-After"] == nil && (a.status == http.StatusServiceUnavailable || a.status == http.StatusTooManyRequests) {
		h["Retry-After"] = []string{"1"}
	}
	var out bytes.Buffer
	out.WriteString(`{"errors":[`)
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(body)        // strings always encode
	out.Truncate(out.Len() - 1) // the newline
	out.WriteString(`]}`)
	h["Content-Type"] = jsonType
	h["Content-Length"] = []string{itoa(int64(out.Len()))}
	w.WriteHeader(a.status)
	_, _ = w.Write(out.Bytes())
}

// writeChallenge is the 401 of HTTP-5, which makes docker ask its credential helper. The realm is for people and for the keys of credential stores; no
// client goes there.
func writeChallenge(w http.ResponseWriter, r *http.Request) {
	scheme, host := "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	if strings.ContainsAny(host, "\"\\") {
		host = ""
	}
	const body = "Not Authorized\n"
	h := w.Header()
	h["Www-Authenticate"] = []string{`Basic realm="` + scheme + "://" + host + `/",service="ecr.amazonaws.com"`}
	h["Content-Type"] = []string{"text/plain; charset=utf-8"}
	h["Content-Length"] = []string{itoa(int64(len(body)))}
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = w.Write([]byte(body))
}
