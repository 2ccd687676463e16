package awswire

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/berth-registry/berth/fault"
)

// Service is a model joined with what serves it. Immutable; safe for concurrent use.
type Service struct {
	model      *Model
	operations map[string]*Operation
	errors     map[fault.Code]wireError
	internal   wireError
	reach      Reach
	unsigned   chan struct{} // one place for each call without a signature that is served
	buffers    sync.Pool     // *[]byte, what answers are written into
}

// Operation is one operation of a service.
type Operation struct {
	// Name as the model has it: "DescribeRepositories".
	Name string
	// Served tells whether there is a method for it. The others are known, and answer UnknownOperation.
	Served bool
	// BodyLimit is how many bytes a request body of this operation may need (H54). It is 1 MiB, and more where the model lets a member be large: a layer part, a manifest.
	BodyLimit int64
	// Unsigned tells that the model asks for no signature ("authtype": "none"): what such an operation is given proves who calls (STS-10).
	Unsigned bool

	model         *Model
	resultWrapper string
	input, output *plan         // of the structs, without pointer; nil output when the model has none
	method        reflect.Value // func(context.Context, *Input) (*Output, error)
	exempt        map[string]bool
	remarks       map[string]func(text, value string) string // by shape
}

// Option changes what Bind makes.
type Option func(*binding)

type binding struct {
	unchecked map[string][]string
	remarks   map[string]func(text, value string) string
	reach     Reach
	unsigned  int
}

// Remark lets the caller add to what is said of a value of one of the model's shapes that does not match its pattern: to "Member must satisfy regular expression pattern", where and how. remark
// is given the text so far and the value. Bind fails for a shape that is not in the model.
func Remark(shape string, remark func(text, value string) string) Option {
	return func(b *binding) { b.remarks[shape] = remark }
}

// Reach says for which regions calls of a service may be signed.
type Reach uint8

const (
	// Regional is for the regions that are served (API-19).
	Regional Reach = iota
	// Global is for these and for us-east-1, whether it is served or not (ORG-1, STS-1).
	Global
	// Regionless is for any: the service is not of a region.
	Regionless
)

// Reaches gives a service another reach than Regional.
func Reaches(r Reach) Option { return func(b *binding) { b.reach = r } }

// UnsignedAtOnce lets so many calls without a signature be served at a time. A service with operations that need none must have it.
func UnsignedAtOnce(n int) Option { return func(b *binding) { b.unsigned = n } }

// Unchecked takes input members out of the model's validation, because the operation judges them itself: BatchGetImage answers a bad digest in its failures (API-56). A path is the
// operation followed by members, lists not counted: "BatchGetImage.imageIds.imageDigest". Bind fails for a path that is not in the model.
func Unchecked(paths ...string) Option {
	return func(b *binding) {
		for _, path := range paths {
			operation, member, _ := strings.Cut(path, ".")
			b.unchecked[operation] = append(b.unchecked[operation], member)
		}
	}
}

var (
	contextType = reflect.TypeFor[context.Context]()
	errorType   = reflect.TypeFor[error]()
)

// Bind finds the methods of api that serve the operations of m: exported, named as the operation, func(context.Context, *XInput) (*XOutput, error) with the SDK's own shapes. errors
// names fault codes on this wire, over the protocol's own names for what every service shares.
//
// Bind fails when errors has a name that is neither an exception of the model nor shared by the services of its protocol, when a method has that form and no operation its name, when a method has an operation's name and another form, and when a shape of the model does not fit into the Go
// type: a mistake of ours ends the start, not a request.
func Bind(m *Model, api any, errors Table, options ...Option) (*Service, error) {
	b := binding{unchecked: make(map[string][]string), remarks: make(map[string]func(string, string) string)}
	for _, option := range options {
		option(&b)
	}
	if err := errors.check(m); err != nil {
		return nil, err
	}
	s := newService(m, errors)
	s.reach, s.unsigned = b.reach, make(chan struct{}, b.unsigned)
	for name, op := range m.operations {
		s.operations[name] = &Operation{Name: name, BodyLimit: 1 << 20, Unsigned: op.unsigned, model: m, resultWrapper: op.resultWrapper, remarks: b.remarks}
	}
	for name := range b.remarks {
		if m.shapes[name] == nil {
			return nil, fmt.Errorf("awswire: %s has no shape %s to remark upon", m.Service, name)
		}
	}
	for operation, members := range b.unchecked {
		for _, member := range members {
			if !m.operations[operation].has(member) {
				return nil, fmt.Errorf("awswire: %s has no input member %s.%s to leave unchecked", m.Service, operation, member)
			}
			op := s.operations[operation]
			if op.exempt == nil {
				op.exempt = make(map[string]bool)
			}
			op.exempt[member] = true
		}
	}
	v := reflect.ValueOf(api)
	plans := make(compiler)
	for i := range v.NumMethod() {
		name, method := v.Type().Method(i).Name, v.Method(i)
		op, form := s.operations[name], isOperation(method.Type())
		switch {
		case op == nil && !form:
			continue
		case op == nil:
			return nil, fmt.Errorf("awswire: method %s of %s has the form of an operation, but %s has no operation of that name", name, v.Type(), m.Service)
		case !form:
			return nil, fmt.Errorf("awswire: method %s of %s must be func(context.Context, *%[1]sInput) (*%[1]sOutput, error)", name, v.Type())
		}
		if err := op.serve(m.operations[name], method, plans); err != nil {
			return nil, fmt.Errorf("awswire: %s.%s: %w", m.Service, name, err)
		}
		if op.Unsigned && b.unsigned == 0 {
			return nil, fmt.Errorf("awswire: %s.%s needs no signature, and nothing says how many such calls are served at a time", m.Service, name)
		}
	}
	return s, nil
}

func isOperation(t reflect.Type) bool {
	shape := func(t reflect.Type) bool { return t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct }
	return t.NumIn() == 2 && t.NumOut() == 2 && t.In(0) == contextType && shape(t.In(1)) && shape(t.Out(0)) && t.Out(1) == errorType && !t.IsVariadic()
}

// has reports whether the input has the member at the dotted path.
func (o operationModel) has(path string) bool {
	at := o.input
	for name := range strings.SplitSeq(path, ".") {
		for at != nil && (at.kind == list || at.kind == mapping) {
			at = at.element.shape
		}
		if at == nil {
			return false
		}
		i := slices.IndexFunc(at.members, func(m member) bool { return m.name == name })
		if i < 0 {
			return false
		}
		at = at.members[i].shape
	}
	return true
}

func (op *Operation) serve(m operationModel, method reflect.Value, plans compiler) error {
	in, out := method.Type().In(1).Elem(), method.Type().Out(0).Elem()
	if in.Name() != op.Name+"Input" || out.Name() != op.Name+"Output" {
		return fmt.Errorf("takes %s and returns %s, not the operation's own shapes", in, out)
	}
	nothing := &shape{name: "nothing", kind: structure}
	input := m.input
	if input == nil {
		input = nothing
	}
	var err error
	if op.input, err = plans.compile(input, in); err != nil {
		return err
	}
	output := m.output
	if output == nil {
		output = nothing
	}
	if op.output, err = plans.compile(output, out); err != nil {
		return err
	}
	op.Served, op.method, op.BodyLimit = true, method, op.input.bodyLimit()
	return nil
}

// Model returns what the service was bound from.
func (s *Service) Model() *Model { return s.model }

// Reach says for which regions its calls may be signed.
func (s *Service) Reach() Reach { return s.reach }

// Admit takes a place for a call without a signature, for the time until done is called. ok is false when all places are taken.
func (s *Service) Admit() (done func(), ok bool) {
	select {
	case s.unsigned <- struct{}{}:
		return func() { <-s.unsigned }, true
	default:
		return nil, false
	}
}

// Operation finds an operation by its name in the model, served or not.
func (s *Service) Operation(name string) (*Operation, bool) {
	op, ok := s.operations[name]
	return op, ok
}

// Operations lists every operation of the model by name, served or not.
func (s *Service) Operations() []*Operation {
	return slices.SortedFunc(maps.Values(s.operations), func(a, b *Operation) int { return strings.Compare(a.Name, b.Name) })
}

// Find returns the served operation that a call names. Faults: UnknownOperation, for what no version of the service has (H51), and, saying so, for what berth does not serve.
func (s *Service) Find(c Call) (*Operation, error) {
	op, ok := s.operations[c.Operation]
	switch {
	case s.model.Protocol == Query && (!ok || c.Version != s.model.Version):
		version := c.Version
		if version == "" {
			version = "NO_VERSION_SPECIFIED"
		}
		return nil, fault.New(fault.UnknownOperation, "Could not find operation %s for version %s", clip(c.Operation), clip(version)) // STS-3
	case !ok || c.Protocol != s.model.Protocol:
		return nil, fault.New(fault.UnknownOperation, "There is no such operation.")
	case !op.Served:
		return nil, op.unserved()
	}
	return op, nil
}

func (op *Operation) unserved() error {
	return fault.New(fault.UnknownOperation, "berth does not serve the operation %s of %s yet; docs/coverage.md lists what it serves.", op.Name, op.model.Service)
}

// Decode reads the input of a call into the SDK's input shape, a pointer for Call, and validates it by the model. Faults: MalformedRequest when it cannot be read (H54, H56);
// InvalidParameter or Validation, in the service's own words, when a value breaks a constraint (API-8, API-9, STS-4); UnknownOperation when op is not served.
func (op *Operation) Decode(r *http.Request, body []byte) (any, error) {
	if !op.Served {
		return nil, op.unserved()
	}
	in := reflect.New(op.input.typ)
	if op.model.Protocol == JSON {
		d := jsonDecoder{data: body, trail: trail{exempt: op.exempt, remarks: op.remarks, steps: make([]step, 0, 4)}}
		if err := d.document(op.input, in.Elem()); err != nil {
			return nil, err
		}
		return in.Interface(), d.fault(op.model)
	}
	values, err := form(r, body)
	if err != nil {
		return nil, err
	}
	root, err := tree(values)
	if err != nil {
		return nil, err
	}
	d := queryDecoder{trail{exempt: op.exempt, remarks: op.remarks}}
	if err := d.value(op.input, root, in.Elem()); err != nil {
		return nil, err
	}
	return in.Interface(), d.fault(op.model)
}

// Call runs the operation with an input that Decode returned; the result is for WriteResult, the error for WriteError. Fault: UnknownOperation when op is not served.
func (op *Operation) Call(ctx context.Context, in any) (any, error) {
	if !op.Served {
		return nil, op.unserved()
	}
	out := op.method.Call([]reflect.Value{reflect.ValueOf(ctx), reflect.ValueOf(in)})
	if err, failed := out[1].Interface().(error); failed {
		return nil, err
	}
	return out[0].Interface(), nil
}
