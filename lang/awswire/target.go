package awswire

import (
	"net/http"
	"strings"

	"github.com/berth-registry/berth/fault"
)

// Call is what a request asks for, before anybody has looked whether it exists.
type Call struct {
	Protocol Protocol
	// TargetPrefix is the service of a JSON call, as X-Amz-Target has it; "" for query calls, whose service is that of the signature's scope.
	TargetPrefix string
	// Operation as the client spelled it.
	Operation string
	// Version of a query call, "" if none was given.
	Version string
}

// Target reads which operation r asks for, from X-Amz-Target or from the Action and Version of a query or form. There is exactly one reading: both at once, either one twice, and
// "action" in another case are refused (H52, H56).
//
// The Call is meaningful as far as Protocol even with an error, so that the answer can be written in the client's wire. Faults: MalformedRequest; UnknownOperation when nothing is
// asked for (H51).
func Target(r *http.Request, body []byte) (Call, error) {
	targets := r.Header["X-Amz-Target"]
	if len(targets) == 0 {
		return targetQuery(r, body)
	}
	c := Call{Protocol: JSON}
	if len(targets) > 1 {
		return c, fault.New(fault.MalformedRequest, "X-Amz-Target is allowed only once.")
	}
	// A query string has no meaning beside a target; an Action in it would have another one.
	if r.URL.RawQuery != "" {
		values, err := form(r, nil)
		if err != nil {
			return c, err
		}
		for name := range values {
			if strings.EqualFold(name, "Action") {
				return c, fault.New(fault.MalformedRequest, "A request has either X-Amz-Target or Action, not both.")
			}
		}
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return c, fault.New(fault.MalformedRequest, "A request has either X-Amz-Target or a form, not both.")
	}
	i := strings.LastIndexByte(targets[0], '.')
	if r.Method != http.MethodPost || i < 0 {
		return c, fault.New(fault.UnknownOperation, "There is no such operation.")
	}
	c.TargetPrefix, c.Operation = targets[0][:i], targets[0][i+1:]
	return c, nil
}

func targetQuery(r *http.Request, body []byte) (Call, error) {
	c := Call{Protocol: Query}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-amz-json-") {
		c.Protocol = JSON
		return c, fault.New(fault.UnknownOperation, "There is no X-Amz-Target.")
	}
	if r.Method != http.MethodPost && r.Method != http.MethodGet {
		return c, fault.New(fault.MethodNotAllowed, "Query calls are made by GET or POST.")
	}
	values, err := form(r, body)
	if err != nil {
		return c, err
	}
	c.Operation, c.Version = values.Get("Action"), values.Get("Version")
	if c.Operation == "" {
		return c, fault.New(fault.UnknownOperation, "There is no Action.")
	}
	return c, nil
}
