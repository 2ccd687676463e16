package awswire

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/berth-registry/berth/fault"
)

// API-4: the SDK gives each modelled error back as its own type, with its members.
func TestErrorsAreTypedECR(t *testing.T) {
	api := &toyECR{}
	client := clients(serve(t, bind(t, "ecr", api, ecrTable)).URL)["ecr"].(*ecr.Client)
	call := func() error {
		_, err := client.DescribeRepositories(context.Background(), &ecr.DescribeRepositoriesInput{})
		return err
	}

	api.err = errors.Join(errors.New("disk /var/lib/berth"), fault.New(fault.RepositoryNotFound, "The repository with name 'a' does not exist in the registry with id '111122223333'"))
	var notFound *ecrtypes.RepositoryNotFoundException
	if err := call(); !errors.As(err, &notFound) || notFound.ErrorMessage() != "The repository with name 'a' does not exist in the registry with id '111122223333'" {
		t.Errorf("RepositoryNotFound: %v", err)
	}

	api.err = fault.New(fault.InvalidLayerPart, "First byte of the layer part is 0 instead of 11304960").With(fault.LayerPart{RegistryID: "111122223333", Repository: "a/b", UploadID: "u", LastValidByte: 11304959})
	var part *ecrtypes.InvalidLayerPartException // API-60
	if err := call(); !errors.As(err, &part) || aws.ToString(part.RegistryId) != "111122223333" || aws.ToString(part.RepositoryName) != "a/b" || aws.ToString(part.UploadId) != "u" ||
		aws.ToInt64(part.LastValidByteReceived) != 11304959 {
		t.Errorf("InvalidLayerPart: %v %+v", err, part)
	}

	api.err = fault.New(fault.EncryptionKeyUnusable, "no").With(&struct{ KmsError string }{"DisabledException"})
	var kms *ecrtypes.KmsException // API-36
	if err := call(); !errors.As(err, &kms) || aws.ToString(kms.KmsError) != "DisabledException" {
		t.Errorf("Kms: %v", err)
	}

	api.err = fault.New(fault.AccessDenied, "User: x is not authorized").With(struct{ Layer string }{"identity"})
	var generic smithy.APIError // API-28: no shape has it
	if err := call(); !errors.As(err, &generic) || generic.ErrorCode() != "AccessDeniedException" || generic.ErrorMessage() != "User: x is not authorized" {
		t.Errorf("AccessDenied: %v", err)
	}

	api.err = errors.New("open /var/lib/berth/secret: permission denied")
	var server *ecrtypes.ServerException
	if err := call(); !errors.As(err, &server) || server.ErrorMessage() != "Internal server error. Request id: 11111111-2222-3333-4444-555555555555" {
		t.Errorf("internal: %v", err)
	}
	api.err = fault.New(fault.NoSuchEntity, "a code that ECR's table does not name")
	if err := call(); !errors.As(err, &server) || strings.Contains(err.Error(), "table") {
		t.Errorf("unmapped: %v", err)
	}
}

func TestErrorsAreTypedQuery(t *testing.T) {
	api := &toyIAM{}
	client := clients(serve(t, bind(t, "iam", api, iamTable)).URL)["iam"].(*iam.Client)
	call := func() error {
		_, err := client.GetUser(context.Background(), &iam.GetUserInput{UserName: aws.String("bob")})
		return err
	}
	api.err = fault.New(fault.NoSuchEntity, "The user with name <bob> & co cannot be found.") // IAM-11, H59
	var none *iamtypes.NoSuchEntityException
	if err := call(); !errors.As(err, &none) || none.ErrorMessage() != "The user with name <bob> & co cannot be found." {
		t.Errorf("NoSuchEntity: %v", err)
	}
	api.err = fault.New(fault.EntityAlreadyExists, "there")
	var exists smithy.APIError // GetUser does not model it, so that its client has no type for it
	if err := call(); !errors.As(err, &exists) || exists.ErrorCode() != "EntityAlreadyExists" {
		t.Errorf("EntityAlreadyExists: %v", err)
	}
	api.err = errors.New("secret cause")
	var failure *iamtypes.ServiceFailureException
	if err := call(); !errors.As(err, &failure) || strings.Contains(err.Error(), "secret") {
		t.Errorf("internal: %v", err)
	}
}

// The texts of the wire: API-3..5, API-16, API-21, STS-2, STS-3, H59.
func TestWireOfErrors(t *testing.T) {
	ecrService, iamService, stsService := bind(t, "ecr", &toyECR{}, ecrTable), bind(t, "iam", &toyIAM{}, iamTable), bind(t, "sts", &toySTS{}, nil)
	const iamError = `<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>`
	const stsError = `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>`
	for _, c := range []struct {
		service *Service
		err     error
		status  int
		code    string
		body    string
	}{
		{ecrService, fault.New(fault.RepositoryNotFound, `no "a"`), 400, "RepositoryNotFoundException", `{"__type":"RepositoryNotFoundException","message":"no \"a\""}`},
		{ecrService, fault.New(fault.MissingCredentials, "Missing Authentication Token"), 400, "MissingAuthenticationTokenException",
			`{"__type":"MissingAuthenticationTokenException","message":"Missing Authentication Token"}`},
		{ecrService, fault.New(fault.SignatureMismatch, "x"), 400, "InvalidSignatureException", `{"__type":"InvalidSignatureException","message":"x"}`},
		{ecrService, fault.New(fault.MalformedSignature, "x"), 400, "IncompleteSignatureException", `{"__type":"IncompleteSignatureException","message":"x"}`},
		{ecrService, fault.New(fault.UnknownCredentials, "x"), 400, "UnrecognizedClientException", `{"__type":"UnrecognizedClientException","message":"x"}`},
		{ecrService, fault.New(fault.ExpiredCredentials, "x"), 400, "ExpiredTokenException", `{"__type":"ExpiredTokenException","message":"x"}`},
		{ecrService, fault.New(fault.Throttled, "Rate exceeded"), 400, "ThrottlingException", `{"__type":"ThrottlingException","message":"Rate exceeded"}`},
		{ecrService, fault.New(fault.Unavailable, "busy"), 503, "ServiceUnavailableException", `{"__type":"ServiceUnavailableException","message":"busy"}`},
		{ecrService, fault.New(fault.InvalidLayerPart, "m\r\nX-Evil: 1<").With(&fault.LayerPart{RegistryID: "1", Repository: "r", UploadID: "u", LastValidByte: 7}), 400, "InvalidLayerPartException",
			`{"__type":"InvalidLayerPartException","message":"m\r\nX-Evil: 1\u003c","lastValidByteReceived":7,"registryId":"1","repositoryName":"r","uploadId":"u"}`},
		{ecrService, errors.New("cause"), 500, "ServerException", `{"__type":"ServerException","message":"Internal server error. Request id: id-1"}`},
		{iamService, fault.New(fault.NoSuchEntity, "no <a>\n&"), 404, "NoSuchEntity", iamError + `Sender</Type><Code>NoSuchEntity</Code><Message>no &lt;a&gt;&#xa;&amp;</Message></Error><RequestId>id-1</RequestId></ErrorResponse>`},
		{iamService, fault.New(fault.EntityAlreadyExists, "x"), 409, "EntityAlreadyExists", iamError + `Sender</Type><Code>EntityAlreadyExists</Code><Message>x</Message></Error><RequestId>id-1</RequestId></ErrorResponse>`},
		{iamService, errors.New("cause"), 500, "ServiceFailure", iamError + `Receiver</Type><Code>ServiceFailure</Code><Message>Internal server error. Request id: id-1</Message></Error><RequestId>id-1</RequestId></ErrorResponse>`},
		{stsService, errors.New("cause"), 500, "InternalFailure", strings.Replace(stsError, "Sender", "Receiver", 1) + `InternalFailure</Code><Message>Internal server error. Request id: id-1</Message></Error><RequestId>id-1</RequestId></ErrorResponse>`},
		{stsService, fault.New(fault.MissingCredentials, "Missing Authentication Token"), 403, "MissingAuthenticationToken",
			stsError + `MissingAuthenticationToken</Code><Message>Request is missing Authentication Token</Message></Error><RequestId>id-1</RequestId></ErrorResponse>`},
		{stsService, fault.New(fault.SignatureMismatch, "x"), 403, "SignatureDoesNotMatch", stsError + `SignatureDoesNotMatch</Code><Message>x</Message></Error><RequestId>id-1</RequestId></ErrorResponse>`},
		{stsService, fault.New(fault.UnknownCredentials, "x"), 403, "InvalidClientTokenId", stsError + `InvalidClientTokenId</Code><Message>x</Message></Error><RequestId>id-1</RequestId></ErrorResponse>`},
		{stsService, fault.New(fault.ExpiredCredentials, "x"), 403, "ExpiredToken", stsError + `ExpiredToken</Code><Message>x</Message></Error><RequestId>id-1</RequestId></ErrorResponse>`},
		{stsService, fault.New(fault.MalformedSignature, "x"), 400, "IncompleteSignature", stsError + `IncompleteSignature</Code><Message>x</Message></Error><RequestId>id-1</RequestId></ErrorResponse>`},
		{stsService, fault.New(fault.AccessDenied, "x"), 403, "AccessDenied", stsError + `AccessDenied</Code><Message>x</Message></Error><RequestId>id-1</RequestId></ErrorResponse>`},
		{bind(t, "organizations", struct{}{}, nil), errors.New("cause"), 500, "ServiceException", `{"__type":"ServiceException","Message":"Internal server error. Request id: id-1"}`},
		{FrontDoor(JSON), errors.New("cause"), 500, "InternalFailure", `{"__type":"InternalFailure","message":"Internal server error. Request id: id-1"}`},
		{FrontDoor(Query), fault.New(fault.UnknownOperation, "x"), 400, "InvalidAction",
			`<ErrorResponse xmlns="http://webservices.amazon.com/AWSFault/2005-15-09"><Error><Type>Sender</Type><Code>InvalidAction</Code><Message>x</Message></Error><RequestId>id-1</RequestId></ErrorResponse>`},
		{FrontDoor(JSON), fault.New(fault.UnknownOperation, "x"), 400, "UnknownOperationException", `{"__type":"UnknownOperationException","message":"x"}`},
	} {
		w := httptest.NewRecorder()
		c.service.WriteError(w, c.err, "id-1")
		if w.Code != c.status || w.Body.String() != c.body || c.service.WireCode(c.err) != c.code {
			t.Errorf("%v:\ngot  %d %s %s\nwant %d %s %s", c.err, w.Code, c.service.WireCode(c.err), w.Body, c.status, c.code, c.body)
		}
		if w.Header().Get("x-amzn-RequestId") != "id-1" {
			t.Errorf("%v: headers %v", c.err, w.Header())
		}
		if json := c.service.Model().Protocol == JSON; json && (w.Header().Get("x-amzn-ErrorType") != c.code || w.Header().Get("Content-Type") != "application/x-amz-json-1.1") || !json && w.Header().Get("Content-Type") != "text/xml" {
			t.Errorf("%v: headers %v", c.err, w.Header())
		}
	}
}

// A table cannot name what no client knows: a misspelt exception ends the start, not a request.
func TestNamesThatNoModelHas(t *testing.T) {
	for service, name := range map[string]string{"ecr": "RepositoryNotFound", "iam": "NoSuchEntity", "sts": "AccessDeniedException", "organizations": "Organization"} {
		m, err := Load(service)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Bind(m, struct{}{}, Table{fault.NoSuchEntity: name}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %s is taken for an exception: %v", service, name, err)
		}
	}
}

// Every fault code has a name on each wire, or is the internal error: nothing panics, nothing is empty.
func TestEveryFaultIsAnswered(t *testing.T) {
	for _, s := range []*Service{bind(t, "ecr", &toyECR{}, ecrTable), bind(t, "iam", &toyIAM{}, iamTable), FrontDoor(JSON), FrontDoor(Query)} {
		for _, code := range fault.Codes() {
			w := httptest.NewRecorder()
			s.WriteError(w, fault.New(code, "m"), "id")
			if w.Code < 400 || s.WireCode(fault.New(code, "m")) == "" || w.Body.Len() == 0 {
				t.Errorf("%s on %s: %d %s", code, s.Model().Service, w.Code, w.Body)
			}
		}
	}
}

// STS-2, H59: the whole text of an answer, seen on a real connection.
func TestWireOfResults(t *testing.T) {
	url := serve(t, bind(t, "sts", &toySTS{}, nil)).URL
	r, err := http.Get(url + "/?Action=GetCallerIdentity&Version=2011-06-15")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, _ := io.ReadAll(r.Body)
	const want = `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Account>111122223333</Account>` +
		`<Arn>arn:aws:iam::111122223333:user/&lt;a&amp;b&gt;</Arn><UserId>AIDA</UserId></GetCallerIdentityResult>` +
		`<ResponseMetadata><RequestId>11111111-2222-3333-4444-555555555555</RequestId></ResponseMetadata></GetCallerIdentityResponse>`
	if string(body) != want || r.StatusCode != 200 || r.Header.Get("Content-Type") != "text/xml" || r.Header.Get("X-Amzn-RequestId") != "11111111-2222-3333-4444-555555555555" {
		t.Errorf("%s %v\n%s", r.Status, r.Header, body)
	}
	// No output, no result element: only metadata.
	r, err = http.Get(serve(t, bind(t, "iam", &toyIAM{}, nil)).URL + "/?Action=DeleteUser&Version=2010-05-08&UserName=bob")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, _ = io.ReadAll(r.Body)
	const none = `<DeleteUserResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ResponseMetadata><RequestId>11111111-2222-3333-4444-555555555555</RequestId></ResponseMetadata></DeleteUserResponse>`
	if string(body) != none {
		t.Errorf("%s", body)
	}
}

// A presigned GET, as Kubernetes authenticators send it, is a query call like any other.
func TestPresignedCall(t *testing.T) {
	server := serve(t, bind(t, "sts", &toySTS{}, nil))
	signed, err := sts.NewPresignClient(sts.NewFromConfig(config(server.URL))).PresignGetCallerIdentity(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.Get(signed.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != 200 {
		t.Errorf("%s", r.Status)
	}
}
