package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/berth-registry/berth/lang/arn"
	"github.com/berth-registry/berth/lang/policy"
)

// evalRequest is one line of `berth policy eval --jsonl`.
type evalRequest struct {
	ID        json.RawMessage `json:"id"`
	Principal struct {
		ARN       string `json:"arn"`
		Service   string `json:"service"`
		Federated string `json:"federated"`
		Anonymous bool   `json:"anonymous"`
	} `json:"principal"`
	Action   string `json:"action"`
	Resource struct {
		ARN     string `json:"arn"`
		Account string `json:"account"`
		None    bool   `json:"none"`
	} `json:"resource"`
	Context     map[string]json.RawMessage `json:"context"`
	ContextMode string                     `json:"contextMode"`
	Policies    struct {
		Identity []evalPolicy `json:"identity"`
		Boundary []evalPolicy `json:"boundary"`
		Session  []evalPolicy `json:"session"`
		Resource evalPolicy   `json:"resource"`
		Registry evalPolicy   `json:"registry"`
		Trust    evalPolicy   `json:"trust"` // of the role that is the resource; resource may hold it as well
		SCP      []evalLevel  `json:"scp"`
		RCP      []evalLevel  `json:"rcp"`
		Endpoint []evalPolicy `json:"endpoint"`
	} `json:"policies"`
}

// evalPolicy is a policy as a line gives it: the document itself, or {"name", "arn", "document"}. Document is nil for null: no policy.
type evalPolicy struct {
	Name, ARN string
	Document  []byte
}

// UnmarshalJSON takes either form. A document may be any JSON, also a string that holds JSON: evaluation does not refuse what could not be stored. But
// an object that is neither form is refused, so that a misspelt name does not lose a policy.
func (e *evalPolicy) UnmarshalJSON(text []byte) error {
	*e = evalPolicy{}
	if text[0] == '{' {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(text, &members); err != nil {
			return err
		}
		_, version := members["Version"]
		_, statement := members["Statement"]
		_, wrapped := members["document"]
		if wrapped || len(members) > 0 && !version && !statement {
			var wrapper struct {
				Name     string          `json:"name"`
				ARN      string          `json:"arn"`
				Document json.RawMessage `json:"document"`
			}
			for name := range members {
				if name != "name" && name != "arn" && name != "document" {
					return fmt.Errorf("a policy has an unknown field %q: it is a document with Statement, or name, arn and document", name)
				}
			}
			if !wrapped {
				return errors.New("a policy has no document")
			}
			if err := json.Unmarshal(text, &wrapper); err != nil {
				return err
			}
			e.Name, e.ARN, text = wrapper.Name, wrapper.ARN, wrapper.Document
		}
	}
	if string(text) != "null" {
		e.Document = bytes.Clone(text)
	}
	return nil
}

type evalLevel struct {
	Target   string       `json:"target"`
	Policies []evalPolicy `json:"policies"`
}

// evalAnswer is one decision.
type evalAnswer struct {
	ID       json.RawMessage `json:"id,omitempty"`
	Decision string          `json:"decision"`
	Reason   string          `json:"reason"`
	// BlockedBy is policy.Blockers.
	BlockedBy []policy.Layer       `json:"blockedBy"`
	Layer     policy.Layer         `json:"layer"`
	Policy    string               `json:"policy,omitempty"`
	Statement *int                 `json:"statement,omitempty"`
	Sid       string               `json:"sid,omitempty"`
	Message   string               `json:"message"`
	Explain   []policy.LayerResult `json:"explain"`
}

// evalPolicies answers each line of in with a decision, or with an error that has the line's id.
func evalPolicies(in io.Reader, out io.Writer) error {
	return lines(in, out, func(line []byte) any {
		answer, err := evalLine(line)
		if err != nil {
			return lineError{ID: idOf(line), Error: errorObject{"InvalidRequest", err.Error()}}
		}
		return answer
	})
}

func evalLine(line []byte) (*evalAnswer, error) {
	var in evalRequest
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields() // a misspelt "boundary" must not allow what the boundary would not
	if err := decoder.Decode(&in); err != nil {
		return nil, fmt.Errorf("the line is no request: %w", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errors.New("the line is no request: something follows it on the line")
	}
	if service, name, ok := strings.Cut(in.Action, ":"); !ok || service == "" || name == "" {
		return nil, fmt.Errorf("action %q is not service:Action", in.Action)
	}
	values, err := readContext(in.Context)
	if err != nil {
		return nil, err
	}
	principal, err := in.principal(values)
	if err != nil {
		return nil, err
	}
	r := &policy.Request{Principal: principal, Action: in.Action, Resource: in.Resource.ARN, ResourceAccount: in.Resource.Account, Context: values}
	switch {
	case in.Resource.None && in.Resource.ARN != "" && in.Resource.ARN != "*":
		return nil, errors.New("resource has both arn and none")
	case in.Resource.None:
		r.Resource = "*"
	case in.Resource.ARN == "":
		return nil, errors.New("resource needs arn or none")
	}
	if a, err := arn.Parse(r.Resource); err == nil && r.ResourceAccount == "" && arn.IsAccount(a.Account) {
		r.ResourceAccount = a.Account
	}
	switch in.ContextMode {
	case "", "literal":
	case "derive":
		r.Context = derive(values, r, time.Now().UTC())
	default:
		return nil, fmt.Errorf("contextMode %q is neither literal nor derive", in.ContextMode)
	}
	set, err := in.set(r)
	if err != nil {
		return nil, err
	}
	d := policy.Evaluate(r, set)
	answer := &evalAnswer{
		ID: in.ID, Decision: "Deny", Reason: "implicit_deny", BlockedBy: policy.Blockers(r, set), Layer: d.Layer, Policy: d.Policy, Sid: d.Sid,
		Message: d.Message(r), Explain: policy.Explain(r, set),
	}
	if answer.BlockedBy == nil {
		answer.BlockedBy = []policy.Layer{}
	}
	if d.Statement >= 0 {
		answer.Statement = &d.Statement
	}
	switch {
	case d.Allowed:
		answer.Decision, answer.Reason = "Allow", "allowed"
	case d.Explicit:
		answer.Reason = "explicit_deny"
	}
	return answer, nil
}

// principal derives what an ARN says of a caller; the role of a session and unique ids come from the context where it has them.
func (in *evalRequest) principal(values contextValues) (*policy.Principal, error) {
	given := 0
	for _, is := range []bool{in.Principal.ARN != "", in.Principal.Service != "", in.Principal.Federated != "", in.Principal.Anonymous} {
		if is {
			given++
		}
	}
	if given != 1 {
		return nil, errors.New("principal needs exactly one of arn, service, federated, anonymous")
	}
	switch {
	case in.Principal.Anonymous:
		return &policy.Principal{Type: policy.Anonymous}, nil
	case in.Principal.Service != "":
		return &policy.Principal{Type: policy.Service, ARN: in.Principal.Service, ServiceNames: []string{in.Principal.Service}}, nil
	case in.Principal.Federated != "":
		return &policy.Principal{Type: policy.WebIdentity, ARN: in.Principal.Federated, Provider: in.Principal.Federated}, nil
	}
	text := in.Principal.ARN
	a, err := arn.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("principal %q is not an ARN", text)
	}
	p := &policy.Principal{ARN: text, Account: a.Account}
	p.UserID = values.Lookup("aws:userid").One
	p.ID, _, _ = strings.Cut(p.UserID, ":")
	class, name, _ := strings.Cut(a.Resource, "/")
	switch {
	case a.Service == "iam" && a.Resource == "root":
		p.Type = policy.Root
	case a.Service == "iam" && class == "user" && name != "":
		p.Type = policy.User
	case a.Service == "iam" && class == "role" && name != "":
		p.Type, p.RoleARN = policy.AssumedRole, text
	case a.Service == "sts" && class == "assumed-role" && strings.Contains(name, "/"):
		p.Type = policy.AssumedRole
		role, _, _ := strings.Cut(name, "/")
		p.RoleARN = "arn:" + a.Partition + ":iam::" + a.Account + ":role/" + role
		if v := values.Lookup("aws:principalarn"); strings.Contains(v.One, ":role/") {
			p.RoleARN = v.One
		}
	case a.Service == "sts" && class == "federated-user" && name != "":
		p.Type, p.UserID = policy.FederatedUser, a.Account+":"+name
	case a.Service == "iam" && (class == "oidc-provider" || class == "saml-provider"):
		p.Type, p.Account, p.Provider = policy.WebIdentity, "", text
	default:
		return nil, fmt.Errorf("principal %q is no user, role, session, federated user or root", text)
	}
	p.ServiceLinked = strings.Contains(p.RoleARN, ":role/aws-service-role/")
	return p, nil
}

// set compiles the policies of the request. Its errors name the layer.
func (in *evalRequest) set(r *policy.Request) (*policy.Set, error) {
	var errs []error
	attach := func(layer string, in ...evalPolicy) []policy.Attached {
		var out []policy.Attached
		for i := range in {
			if in[i].Document == nil {
				continue
			}
			a := policy.Attached{Name: cmp.Or(in[i].Name, layer+"["+strconv.Itoa(i)+"]"), ARN: in[i].ARN}
			var err error
			if a.Policy, err = compileAny(in[i].Document); err != nil {
				errs = append(errs, fmt.Errorf("policies.%s %q: %w", layer, a.Name, err))
			}
			out = append(out, a)
		}
		return out
	}
	one := func(layer string, in evalPolicy) *policy.Attached {
		if list := attach(layer, in); len(list) > 0 {
			return &list[0]
		}
		return nil
	}
	levels := func(layer string, in []evalLevel) []policy.Level {
		var out []policy.Level
		for i := range in {
			out = append(out, policy.Level{Target: in[i].Target, Policies: attach(layer+"["+strconv.Itoa(i)+"]", in[i].Policies...)})
		}
		return out
	}
	given := &in.Policies
	s := &policy.Set{
		Identity: attach("identity", given.Identity...), Boundary: attach("boundary", given.Boundary...), Session: attach("session", given.Session...),
		Resource: one("resource", given.Resource), Registry: one("registry", given.Registry), Endpoint: attach("endpoint", given.Endpoint...),
		SCP: levels("scp", given.SCP), RCP: levels("rcp", given.RCP),
	}
	s.HasBoundary, s.HasSession, s.HasEndpoint = len(s.Boundary) > 0, len(s.Session) > 0, len(s.Endpoint) > 0
	// Whoever wants to be a role is judged by the role's trust policy.
	if a, e := arn.Parse(r.Resource); e == nil && a.Service == "iam" && strings.HasPrefix(a.Resource, "role/") {
		switch strings.ToLower(r.Action) {
		case "sts:assumerole", "sts:assumerolewithwebidentity", "sts:assumerolewithsaml", "sts:tagsession", "sts:setsourceidentity":
			s.Trust = true
		}
	}
	if given.Trust.Document != nil {
		if s.Resource != nil {
			errs = append(errs, errors.New("policies has both resource and trust"))
		}
		s.Trust, s.Resource = true, one("trust", given.Trust)
	}
	return s, errors.Join(errs...)
}

// compileAny compiles a document, also one that a string holds. What is no policy has no statement. A policy that is larger than what the engine reads
// is an error: passing over it would change the decision.
func compileAny(document []byte) (*policy.Policy, error) {
	if document[0] == '"' {
		var text string
		if err := json.Unmarshal(document, &text); err != nil {
			return nil, err
		}
		document = []byte(text)
	}
	compiled, err := policy.Parse(document)
	if err != nil && len(document) <= policy.MaxDocument && (!json.Valid(document) || bytes.TrimSpace(document)[0] != '{') {
		return policy.Parse([]byte("{}"))
	}
	return compiled, err
}

// contextValues are condition keys in lower case.
type contextValues map[string]policy.Value

// Lookup answers a key of the context.
func (c contextValues) Lookup(key string) policy.Value { return c[key] }

func readContext(in map[string]json.RawMessage) (contextValues, error) {
	out := make(contextValues, len(in)+8)
	for key, raw := range in {
		value, err := readContextValue(raw)
		if err != nil {
			return nil, fmt.Errorf("context %q: %w", key, err)
		}
		if value.Present {
			out[strings.ToLower(key)] = value
		}
	}
	return out, nil
}

func readContextValue(raw json.RawMessage) (policy.Value, error) {
	var one any
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := decoder.Decode(&one); err != nil {
		return policy.Value{}, err
	}
	text := func(v any) (string, error) {
		switch v := v.(type) {
		case string:
			return v, nil
		case json.Number:
			return v.String(), nil
		case bool:
			return strconv.FormatBool(v), nil
		}
		return "", errors.New("want a string or a list of strings")
	}
	switch v := one.(type) {
	case nil:
		return policy.Value{}, nil
	case []any:
		value := policy.Value{Present: true, Multi: true, Many: make([]string, 0, len(v))}
		for _, item := range v {
			s, err := text(item)
			if err != nil {
				return policy.Value{}, err
			}
			value.Many = append(value.Many, s)
		}
		return value, nil
	default:
		s, err := text(v)
		return policy.Value{Present: true, One: s}, err
	}
}

// derivedContext is a context with, where it has none, the keys that follow from principal, resource and time (IAMP-1.1, IAMP-1.2).
type derivedContext struct {
	given     contextValues
	principal *policy.Principal
	derived   contextValues
}

// Lookup answers a key as given, else as derived.
func (c *derivedContext) Lookup(key string) policy.Value {
	if v, ok := c.given[key]; ok {
		return v
	}
	if v, ok := policy.PrincipalValue(c.principal, key); ok {
		return v
	}
	return c.derived[key]
}

func derive(given contextValues, r *policy.Request, now time.Time) *derivedContext {
	region := "us-east-1"
	if resource, err := arn.Parse(r.Resource); err == nil && resource.Region != "" {
		region = resource.Region
	}
	c := &derivedContext{given: given, principal: r.Principal, derived: contextValues{}}
	for key, value := range map[string]string{
		"aws:resourceaccount": cmp.Or(r.ResourceAccount, r.Principal.Account), "aws:requestedregion": region, "aws:securetransport": "true",
		"aws:currenttime": now.Format(time.RFC3339), "aws:epochtime": strconv.FormatInt(now.Unix(), 10), "aws:viaawsservice": "false",
	} {
		c.derived[key] = policy.Value{Present: value != "", One: value}
	}
	return c
}
