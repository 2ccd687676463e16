package awswire

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/berth-registry/berth/fault"
)

// serve answers s as a door does.
func serve(t testing.TB, s *Service) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		const id = "11111111-2222-3333-4444-555555555555"
		out, op, err := answer(s, r)
		if err != nil {
			s.WriteError(w, err, id)
		} else if err := s.WriteResult(w, op, out, id); err != nil {
			t.Errorf("WriteResult: %v", err)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

func answer(s *Service, r *http.Request) (any, *Operation, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, nil, err
	}
	call, err := Target(r, body)
	if err != nil {
		return nil, nil, err
	}
	op, err := s.Find(call)
	if err != nil {
		return nil, op, err
	}
	in, err := op.Decode(r, body)
	if err != nil {
		return nil, op, err
	}
	out, err := op.Call(r.Context(), in)
	return out, op, err
}

func config(url string) aws.Config {
	return aws.Config{Region: "us-east-1", BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "secret", ""),
		Retryer: func() aws.Retryer { return aws.NopRetryer{} }, HTTPClient: &http.Client{Transport: whole{&http.Transport{}}}}
}

// whole keeps request bodies apart from the SDK, which closes them as soon as an answer begins: on a fast loopback that is now and then before the transport has seen their end, and
// the transport then drops the connection in the middle of a large answer.
type whole struct{ next http.RoundTripper }

func (t whole) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return t.next.RoundTrip(r)
}

// clients are the SDK's, unmodified.
func clients(url string) map[string]any {
	return map[string]any{"ecr": ecr.NewFromConfig(config(url)), "iam": iam.NewFromConfig(config(url)), "sts": sts.NewFromConfig(config(url))}
}

// Every operation of every service that the SDK has a client for: what the SDK's client sends arrives as it was, every member, and what the operation answers arrives at the client.
func TestEveryOperationRoundTrips(t *testing.T) {
	for _, service := range slices.Sorted(maps.Keys(clients(""))) {
		m := load(t, service)
		for _, s := range m.shapes { // the values are random; constraints have their own tests
			s.min, s.max, s.compiled, s.enum = nil, nil, nil, nil
		}
		s := newService(m, nil)
		server := serve(t, s)
		client := reflect.ValueOf(clients(server.URL)[service])
		plans, random := make(compiler), rand.New(rand.NewPCG(1, 2))
		for _, name := range slices.Sorted(maps.Keys(m.operations)) {
			t.Run(service+"."+name, func(t *testing.T) {
				method := client.MethodByName(name)
				if !method.IsValid() {
					t.Fatal("the SDK's client has no such method")
				}
				var got, out reflect.Value
				served := reflect.FuncOf([]reflect.Type{contextType, method.Type().In(1)}, []reflect.Type{method.Type().Out(0), errorType}, false)
				op := &Operation{Name: name, model: m, resultWrapper: m.operations[name].resultWrapper}
				if err := op.serve(m.operations[name], reflect.MakeFunc(served, func(args []reflect.Value) []reflect.Value {
					got = args[1]
					return []reflect.Value{out, reflect.Zero(errorType)}
				}), plans); err != nil {
					t.Fatal(err)
				}
				s.operations[name] = op
				for range 3 {
					in := reflect.New(method.Type().In(1).Elem())
					out = reflect.New(method.Type().Out(0).Elem())
					fill(random, op.input, in.Elem(), 0)
					fill(random, op.output, out.Elem(), 0)
					results := method.Call([]reflect.Value{reflect.ValueOf(context.Background()), in})
					if err, failed := results[1].Interface().(error); failed {
						t.Fatal(err)
					}
					if !reflect.DeepEqual(got.Interface(), in.Interface()) {
						t.Errorf("the server got\n%s\nthe client sent\n%s", show(got), show(in))
					}
					results[0].Elem().FieldByName("ResultMetadata").SetZero()
					if !reflect.DeepEqual(results[0].Interface(), out.Interface()) {
						t.Errorf("the client got\n%s\nthe server answered\n%s", show(results[0]), show(out))
					}
				}
			})
		}
	}
}

func show(v reflect.Value) string { return fmt.Sprintf("%+v", dereference(v)) }

// dereference makes pointers readable.
func dereference(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return dereference(v.Elem())
	case reflect.Struct:
		if v.Type() == timeType {
			return v.Interface()
		}
		m := map[string]any{}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && !v.Field(i).IsZero() {
				m[v.Type().Field(i).Name] = dereference(v.Field(i))
			}
		}
		return m
	case reflect.Slice:
		var l []any
		for i := range v.Len() {
			l = append(l, dereference(v.Index(i)))
		}
		return l
	}
	return v.Interface()
}

// fill sets every member of v to something random; what contains itself ends at a depth.
func fill(r *rand.Rand, p *plan, v reflect.Value, depth int) {
	if depth > 8 {
		return
	}
	v = p.settle(v)
	switch p.kind {
	case structure:
		for i := range p.fields {
			fill(r, p.fields[i].plan, v.Field(p.fields[i].index), depth+1)
		}
	case list:
		n := 1 + r.IntN(3)
		v.Set(reflect.MakeSlice(p.typ, n, n))
		for i := range n {
			fill(r, p.elem, v.Index(i), depth+1)
		}
	case mapping:
		v.Set(reflect.MakeMap(p.typ))
		for range 1 + r.IntN(2) {
			key, e := reflect.New(p.typ.Key()).Elem(), reflect.New(p.typ.Elem()).Elem()
			key.SetString(randomText(r))
			fill(r, p.elem, e, depth+1)
			v.SetMapIndex(key, e)
		}
	case text:
		v.SetString(randomText(r))
	case integer:
		v.SetInt(int64(int32(r.Uint32())))
	case float:
		v.SetFloat(float64(r.IntN(1e6)) / 64)
	case boolean:
		v.SetBool(r.IntN(2) == 0)
	case timestamp:
		v.Set(reflect.ValueOf(time.Unix(r.Int64N(4e9), 0).UTC()))
	case blob:
		b := make([]byte, 1+r.IntN(40))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		v.SetBytes(b)
	}
}

func randomText(r *rand.Rand) string {
	pieces := []string{"a", "Z", "0", " ", "é", "日", "😀", "<", ">", "&", `"`, "'", "\\", "/", "+", "%", "=", "\n", "\t", "\u2028"}
	b := []string{"x"} // SDKs drop white space around a text in XML
	for range r.IntN(8) {
		b = append(b, pieces[r.IntN(len(pieces))])
	}
	return strings.Join(append(b, "x"), "")
}

// toyECR is a few operations written by hand, as an api package has them.
type toyECR struct {
	described *ecr.DescribeRepositoriesInput
	err       error
}

func (t *toyECR) DescribeRepositories(_ context.Context, in *ecr.DescribeRepositoriesInput) (*ecr.DescribeRepositoriesOutput, error) {
	t.described = in
	return &ecr.DescribeRepositoriesOutput{}, t.err
}

func (t *toyECR) BatchGetImage(context.Context, *ecr.BatchGetImageInput) (*ecr.BatchGetImageOutput, error) {
	return nil, t.err
}

func (t *toyECR) PutImage(context.Context, *ecr.PutImageInput) (*ecr.PutImageOutput, error) {
	return nil, t.err
}

func (t *toyECR) UploadLayerPart(context.Context, *ecr.UploadLayerPartInput) (*ecr.UploadLayerPartOutput, error) {
	return nil, t.err
}

func (t *toyECR) CreateRepository(context.Context, *ecr.CreateRepositoryInput) (*ecr.CreateRepositoryOutput, error) {
	return nil, t.err
}

// Close is exported and no operation; Bind passes it over.
func (t *toyECR) Close() error { return nil }

var ecrTable = Table{
	fault.RepositoryNotFound: "RepositoryNotFoundException", fault.InvalidLayerPart: "InvalidLayerPartException", fault.EncryptionKeyUnusable: "KmsException",
	fault.LimitExceeded: "LimitExceededException",
}

type toyIAM struct{ err error }

func (t *toyIAM) GetUser(context.Context, *iam.GetUserInput) (*iam.GetUserOutput, error) {
	return nil, t.err
}

func (t *toyIAM) DeleteUser(context.Context, *iam.DeleteUserInput) (*iam.DeleteUserOutput, error) {
	return nil, t.err
}

func (t *toyIAM) CreateLoginProfile(context.Context, *iam.CreateLoginProfileInput) (*iam.CreateLoginProfileOutput, error) {
	return nil, t.err
}

func (t *toyIAM) TagUser(context.Context, *iam.TagUserInput) (*iam.TagUserOutput, error) {
	return nil, t.err
}

func (t *toyIAM) ListUsers(context.Context, *iam.ListUsersInput) (*iam.ListUsersOutput, error) {
	return nil, t.err
}

var iamTable = Table{fault.NoSuchEntity: "NoSuchEntityException", fault.EntityAlreadyExists: "EntityAlreadyExistsException", fault.Unavailable: "ServiceFailureException"}

type toySTS struct{ err error }

func (t *toySTS) AssumeRole(context.Context, *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
	return nil, t.err
}

func (t *toySTS) GetCallerIdentity(context.Context, *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	return &sts.GetCallerIdentityOutput{Account: aws.String("111122223333"), Arn: aws.String("arn:aws:iam::111122223333:user/<a&b>"), UserId: aws.String("AIDA")}, t.err
}

func bind(t testing.TB, service string, api any, table Table, options ...Option) *Service {
	t.Helper()
	s, err := Bind(load(t, service), api, table, options...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
