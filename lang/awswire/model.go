// Package awswire speaks the wire of AWS services from their service models: awsJson1.1 and query/XML, decoded into and encoded from the Go SDK's own shapes by reflection.
//
// A model (Load) says which operations there are, what members their shapes have, how these are named on the wire and which constraints they obey. Bind joins a model with a Go value
// whose methods are named as the operations. A door then does, for each request,
//
//	call, err := awswire.Target(r, body)     // which service and operation (H51, H52, H56)
//	op, err := service.Find(call)
//	in, err := op.Decode(r, body)            // decode and validate (API-8, API-9)
//	out, err := op.Call(ctx, in)
//	service.WriteResult(w, op, out, id)      // or service.WriteError(w, err, id)
//
// Adding a service is adding its model to the models folder; adding an operation is adding a method.
package awswire

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sync"
)

// models holds botocore's service models without their documentation (see NOTICE).
//
//go:embed models/*.json
var models embed.FS

// Protocol is how a call is written.
type Protocol uint8

const (
	// JSON is awsJson1.1 (API-1).
	JSON Protocol = iota + 1
	// Query is a form in and XML out (STS-1..3).
	Query
)

// Model is what a service model says of a service; immutable.
type Model struct {
	// Service is the name that Load was given: "ecr".
	Service string
	// Version is the API's version, as query calls name it: "2011-06-15".
	Version string
	// Protocol is the wire of every operation.
	Protocol Protocol
	// TargetPrefix stands before the operation in X-Amz-Target; empty for query services.
	TargetPrefix string
	// SigningName is the service in the scope of a signature (API-19).
	SigningName string
	// Namespace is the xmlns of XML answers; empty for JSON services.
	Namespace string

	operations map[string]operationModel
	shapes     map[string]*shape
}

type operationModel struct {
	name          string
	input, output *shape // nil when the operation has none
	resultWrapper string
	unsigned      bool
}

type kind uint8

const (
	structure kind = iota + 1
	list
	mapping
	text
	integer
	float
	boolean
	timestamp
	blob
)

// shape is one type of a model.
type shape struct {
	name    string
	kind    kind
	members []member // structure: sorted by name
	element ref      // list: the member; map: the value
	key     *shape   // map

	flattened bool
	sensitive bool
	enum      []string
	min, max  *float64
	pattern   string
	compiled  func() *regexp.Regexp // full match; nil without pattern

	exception bool
	code      string // query error code
	status    int    // 0 when the model does not say
}

type member struct {
	name     string // as in the model and, capitalised, in Go
	wire     string
	required bool
	shape    *shape
}

type ref struct {
	wire  string // locationName, if any
	shape *shape
}

// Load reads the embedded model of a service: "ecr", "iam", "sts". It takes a few milliseconds; load once. It fails for a service that is not embedded.
func Load(service string) (*Model, error) {
	data, err := models.ReadFile("models/" + service + ".json")
	if err != nil {
		return nil, fmt.Errorf("awswire: no model of service %q", service)
	}
	return parseModel(service, data)
}

type rawRef struct{ Shape, LocationName string }

type rawModel struct {
	Metadata struct {
		APIVersion, Protocol, TargetPrefix, SigningName, EndpointPrefix, XMLNamespace string
	}
	Operations map[string]struct {
		Input, Output *struct{ Shape, ResultWrapper string }
		AuthType      string
	}
	Shapes map[string]struct {
		Type               string
		Required, Enum     []string
		Members            map[string]rawRef
		Member, Key, Value rawRef
		Min, Max           *float64
		Pattern            string
		Sensitive          bool
		Flattened          bool
		Exception, Fault   bool
		Error              struct {
			Code           string
			HTTPStatusCode int
		}
	}
}

func parseModel(service string, data []byte) (*Model, error) {
	var raw rawModel
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, fmt.Errorf("awswire: model of %s: %w", service, err)
	}
	m := &Model{
		Service: service, Version: raw.Metadata.APIVersion, TargetPrefix: raw.Metadata.TargetPrefix, SigningName: raw.Metadata.SigningName, Namespace: raw.Metadata.XMLNamespace,
		operations: make(map[string]operationModel, len(raw.Operations)), shapes: make(map[string]*shape, len(raw.Shapes)),
	}
	if m.SigningName == "" {
		m.SigningName = raw.Metadata.EndpointPrefix
	}
	switch raw.Metadata.Protocol {
	case "json":
		m.Protocol = JSON
	case "query":
		m.Protocol = Query
	default:
		return nil, fmt.Errorf("awswire: model of %s: protocol %q is not spoken", service, raw.Metadata.Protocol)
	}
	kinds := map[string]kind{"structure": structure, "list": list, "map": mapping, "string": text, "integer": integer, "long": integer, "float": float, "double": float,
		"boolean": boolean, "timestamp": timestamp, "blob": blob}
	for name := range raw.Shapes {
		m.shapes[name] = &shape{name: name}
	}
	for name, r := range raw.Shapes {
		s := m.shapes[name]
		if s.kind = kinds[r.Type]; s.kind == 0 {
			return nil, fmt.Errorf("awswire: model of %s: shape %s has unknown type %q", service, name, r.Type)
		}
		s.flattened, s.sensitive, s.enum, s.min, s.max, s.pattern = r.Flattened, r.Sensitive, r.Enum, r.Min, r.Max, r.Pattern
		if s.exception = r.Exception; s.exception {
			s.code, s.status = r.Error.Code, r.Error.HTTPStatusCode
			if s.status == 0 && r.Fault {
				s.status = 500
			}
		}
		if s.pattern != "" {
			s.compiled = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(translate(s.pattern)) })
		}
		for _, name := range slices.Sorted(maps.Keys(r.Members)) {
			to := r.Members[name]
			wire := to.LocationName
			if wire == "" {
				wire = name
			}
			s.members = append(s.members, member{name: name, wire: wire, required: slices.Contains(r.Required, name), shape: m.shapes[to.Shape]})
		}
		element := r.Member
		if s.kind == mapping {
			element = r.Value
			s.key = m.shapes[r.Key.Shape]
		}
		s.element = ref{wire: element.LocationName, shape: m.shapes[element.Shape]}
	}
	for name, r := range raw.Operations {
		op := operationModel{name: name, unsigned: r.AuthType == "none"}
		if r.Input != nil {
			op.input = m.shapes[r.Input.Shape]
		}
		if r.Output != nil {
			op.output, op.resultWrapper = m.shapes[r.Output.Shape], r.Output.ResultWrapper
		}
		m.operations[name] = op
	}
	return m, nil
}
