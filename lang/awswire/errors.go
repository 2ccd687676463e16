package awswire

import (
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/berth-registry/berth/fault"
)

// Table names fault codes on a service's wire, where it has a name of its own for them: an exception shape of the model, or one of the bare codes that every service of the
// protocol has, such as AccessDeniedException. What it does not name is named as every service names it, or is the service's internal error.
type Table map[fault.Code]string

// wireError is how one fault code is answered.
type wireError struct {
	name   string // exception shape, or bare code
	code   string // as sent
	status int
	shape  *shape // nil for a bare code
}

// shared is what each protocol calls the conditions that no model has: API-5, API-15..21, STS-3, STS-4.
func shared(p Protocol) Table {
	if p == JSON {
		return Table{
			fault.MissingCredentials: "MissingAuthenticationTokenException", fault.MalformedSignature: "IncompleteSignatureException",
			fault.SignatureMismatch: "InvalidSignatureException", fault.UnknownCredentials: "UnrecognizedClientException", fault.ExpiredCredentials: "ExpiredTokenException",
			fault.AccessDenied: "AccessDeniedException", fault.MalformedRequest: "SerializationException", fault.UnknownOperation: "UnknownOperationException",
			fault.MethodNotAllowed: "UnknownOperationException", fault.InvalidParameter: "InvalidParameterException", fault.Validation: "ValidationException",
			fault.Throttled: "ThrottlingException", fault.LimitExceeded: "LimitExceededException", fault.Unavailable: "ServiceUnavailableException",
		}
	}
	return Table{
		fault.MissingCredentials: "MissingAuthenticationToken", fault.MalformedSignature: "IncompleteSignature", fault.SignatureMismatch: "SignatureDoesNotMatch",
		fault.UnknownCredentials: "InvalidClientTokenId", fault.ExpiredCredentials: "ExpiredToken", fault.AccessDenied: "AccessDenied",
		fault.MalformedRequest: "MalformedQueryString", fault.UnknownOperation: "InvalidAction", fault.MethodNotAllowed: "InvalidAction",
		fault.InvalidParameter: "InvalidParameterValue", fault.Validation: "ValidationError", fault.Throttled: "Throttling",
		fault.LimitExceeded: "LimitExceeded", fault.Unavailable: "ServiceUnavailable",
	}
}

// bareInternal is the internal error of a service whose model has no exception for it.
const bareInternal = "InternalFailure"

// internal is the model's own name for an error that is the service's fault (API-4, ORG-26, IAM-11).
func (m *Model) internal() wireError {
	for _, name := range []string{"ServerException", "ServiceException", "ServiceFailureException"} {
		if sh := m.shapes[name]; sh != nil && sh.exception {
			return m.wireError(name)
		}
	}
	return m.wireError(bareInternal)
}

// bareStatus is the status of codes that no model has; the others are 400.
func bareStatus(p Protocol, code string) int {
	switch code {
	case bareInternal:
		return http.StatusInternalServerError
	case "ServiceUnavailable", "ServiceUnavailableException":
		return http.StatusServiceUnavailable
	case "MissingAuthenticationToken", "SignatureDoesNotMatch", "InvalidClientTokenId", "ExpiredToken", "AccessDenied":
		if p == Query { // API-21
			return http.StatusForbidden
		}
	}
	return http.StatusBadRequest
}

func newService(m *Model, errors Table) *Service {
	s := &Service{model: m, operations: make(map[string]*Operation, len(m.operations)), errors: make(map[fault.Code]wireError), internal: m.internal()}
	s.buffers.New = func() any { return new([]byte) }
	for code, name := range shared(m.Protocol) {
		s.errors[code] = m.wireError(name)
	}
	for code, name := range errors {
		s.errors[code] = m.wireError(name)
	}
	return s
}

// check finds the names of a table that no client would know: neither an exception of the model nor a bare code of the protocol.
func (t Table) check(m *Model) error {
	bare := slices.Collect(maps.Values(shared(m.Protocol)))
	for code, name := range t {
		if sh := m.shapes[name]; (sh == nil || !sh.exception) && !slices.Contains(bare, name) {
			return fmt.Errorf("awswire: %s has no exception %s, which is to be the name of %s", m.Service, name, code)
		}
	}
	return nil
}

func (m *Model) wireError(name string) wireError {
	sh := m.shapes[name]
	if sh == nil || !sh.exception {
		return wireError{name: name, code: name, status: bareStatus(m.Protocol, name)}
	}
	e := wireError{name: name, code: name, status: sh.status, shape: sh}
	if sh.code != "" && m.Protocol == Query {
		e.code = sh.code
	}
	if e.status == 0 || m.Protocol == JSON && sh.status < 500 { // awsJson1.1 has 400 and 500 only (API-4)
		e.status = http.StatusBadRequest
	}
	return e
}

// FrontDoor answers errors for requests that belong to no service, in the wire they came in: nothing else can be done with it (STS-3).
func FrontDoor(p Protocol) *Service {
	return newService(&Model{Protocol: p, Namespace: "http://webservices.amazon.com/AWSFault/2005-15-09"}, nil)
}

func (s *Service) find(err error) (wireError, *fault.Error) {
	if f := fault.As(err); f != nil {
		if e, ok := s.errors[f.Code]; ok {
			return e, f
		}
	}
	return s.internal, nil
}

// Names reports whether err is a fault that has a name on this wire. Any other is told as the service's internal error, with nothing of its text: its cause belongs into the log.
func (s *Service) Names(err error) bool {
	_, f := s.find(err)
	return f != nil
}

// WireCode is the code by which err goes out, for metrics and audit: "RepositoryNotFoundException", "NoSuchEntity". An error that is no fault, or a fault that the table does not
// name, is the service's internal error.
func (s *Service) WireCode(err error) string {
	e, _ := s.find(err)
	return e.code
}

// WriteError answers err: a fault by the table, with its message and, where its Detail has them, the members of the exception's shape; anything else as an internal error with the
// request id and nothing of its cause (API-4, API-5, STS-3).
//
// A member is filled from the field of Detail (a struct or a pointer to one) whose name is the member's, in any case, or begins it: Repository fills repositoryName.
func (s *Service) WriteError(w http.ResponseWriter, err error, requestID string) {
	e, f := s.find(err)
	message := "Internal server error. Request id: " + requestID
	var detail reflect.Value
	if f != nil {
		message = f.Message
		if s.model.Protocol == Query && f.Code == fault.MissingCredentials { // API-21; JSON says "Missing Authentication Token"
			message = "Request is missing Authentication Token"
		}
		if detail = reflect.Indirect(reflect.ValueOf(f.Detail)); detail.IsValid() && detail.Kind() != reflect.Struct {
			detail = reflect.Value{}
		}
	}
	buf := s.buffer()
	b := (*buf)[:0]
	if s.model.Protocol == JSON {
		w.Header().Set("X-Amzn-Errortype", e.code)
		b = appendJSONString(append(b, `{"__type":`...), e.code)
		b = append(append(append(b, ','), e.messageName()...), ':')
		b = appendJSONString(b, message)
		e.eachMember(detail, func(name string, p *plan, v reflect.Value) {
			b = append(appendJSONString(append(b, ','), name), ':')
			b = appendJSON(b, p, v)
		})
		b = append(b, '}')
	} else {
		b = append(append(append(b, `<ErrorResponse xmlns="`...), s.model.Namespace...), `"><Error><Type>`...)
		who := "Sender"
		if e.status >= 500 {
			who = "Receiver"
		}
		b = append(append(b, who...), "</Type><Code>"...)
		b = append(appendXMLText(b, e.code), "</Code><Message>"...)
		b = append(appendXMLText(b, message), "</Message>"...)
		e.eachMember(detail, func(name string, p *plan, v reflect.Value) {
			b = appendTag(b, name)
			b = appendXML(b, p, v)
			b = appendEnd(b, name)
		})
		b = append(append(appendXMLText(append(b, "</Error><RequestId>"...), requestID), "</RequestId>"...), "</ErrorResponse>"...)
	}
	_ = s.send(w, e.status, b, requestID) // the client is gone; nobody is left to tell
	s.release(buf, b)
}

// messageName is the message's member as the shape spells it, quoted: "message", in a few services "Message".
func (e wireError) messageName() string {
	if e.shape != nil {
		for _, m := range e.shape.members {
			if strings.EqualFold(m.name, "message") {
				return `"` + m.wire + `"`
			}
		}
	}
	return `"message"`
}

// eachMember calls f with every member of the exception that detail has a value for.
func (e wireError) eachMember(detail reflect.Value, f func(name string, p *plan, v reflect.Value)) {
	if e.shape == nil || !detail.IsValid() {
		return
	}
	for _, m := range e.shape.members {
		if strings.EqualFold(m.name, "message") {
			continue
		}
		for i := range detail.NumField() {
			field := detail.Type().Field(i)
			if !field.IsExported() || len(field.Name) > len(m.name) || !strings.EqualFold(field.Name, m.name[:len(field.Name)]) {
				continue
			}
			if p, err := make(compiler).compile(m.shape, field.Type); err == nil {
				if v, ok := p.present(detail.Field(i)); ok {
					f(m.wire, p, v)
				}
				break
			}
		}
	}
}
