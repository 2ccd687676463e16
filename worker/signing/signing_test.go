package signing_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/dir"
	"github.com/notaryproject/notation-go/registry"
	"github.com/notaryproject/notation-go/verifier"
	"github.com/notaryproject/notation-go/verifier/trustpolicy"
	"github.com/notaryproject/notation-go/verifier/truststore"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/berth-registry/berth/berthtest"
)

const (
	account = "111222333444"
	region  = "us-east-2"
)

// site is a berth with a repository "app", and the owner's clients.
type site struct {
	*berthtest.Server
	owner *berthtest.Account
	ecr   *ecr.Client
	login string
}

func start(t *testing.T) *site {
	s := &site{Server: berthtest.Start(t)}
	s.owner = s.Account(t, account)
	s.ecr, s.login = s.owner.ECR(region), s.owner.Login(t, region)
	s.repository(t, "app")
	return s
}

func (s *site) repository(t *testing.T, name string) {
	t.Helper()
	if _, err := s.ecr.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: &name}); err != nil {
		t.Fatal(err)
	}
}

// profile makes a signing profile and answers its ARN and the certificate that verifies it.
func (s *site) profile(t *testing.T, name string) (arn, certificate string) {
	t.Helper()
	resp, body := s.Call(t, s.owner.Caller, "berth", region, "Berth_20261122", "CreateSigningProfile", `{"name":"`+name+`"}`)
	var out struct {
		Profile struct{ Arn, Certificate string }
	}
	if err := json.Unmarshal(body, &out); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s", resp.Status, body)
	}
	return out.Profile.Arn, out.Profile.Certificate
}

func (s *site) rules(t *testing.T, rules ...types.SigningRule) {
	t.Helper()
	if _, err := s.ecr.PutSigningConfiguration(t.Context(), &ecr.PutSigningConfigurationInput{SigningConfiguration: &types.SigningConfiguration{Rules: rules}}); err != nil {
		t.Fatal(err)
	}
}

// push pushes an image of its own as somebody.
func (s *site) push(t *testing.T, login, repository, tag string) *berthtest.Image {
	t.Helper()
	i := berthtest.NewImage([]byte("layer of " + repository + tag))
	s.Push(t, login, account+"/"+region+"/"+repository, tag, i)
	return i
}

// status waits until no signature of the image is in progress, and answers "profile status code" of each.
func (s *site) status(t *testing.T, repository, digest string) string {
	t.Helper()
	for range 1000 {
		out, err := s.ecr.DescribeImageSigningStatus(t.Context(), &ecr.DescribeImageSigningStatusInput{RepositoryName: &repository, ImageId: &types.ImageIdentifier{ImageDigest: &digest}})
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, one := range out.SigningStatuses {
			if one.Status == types.SigningStatusInProgress {
				list = nil
				break
			}
			name := *one.SigningProfileArn
			list = append(list, strings.TrimSpace(name[strings.LastIndexByte(name, '/')+1:]+" "+string(one.Status)+" "+aws.ToString(one.FailureCode)))
		}
		if list != nil || len(out.SigningStatuses) == 0 {
			return strings.Join(list, ", ")
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("it was not signed")
	return ""
}

func (s *site) signatures(t *testing.T, repository, digest string) int {
	t.Helper()
	out, err := s.ecr.ListImageReferrers(t.Context(), &ecr.ListImageReferrersInput{RepositoryName: &repository, SubjectId: &types.SubjectIdentifier{ImageDigest: &digest},
		Filter: &types.ListImageReferrersFilter{ArtifactTypes: []string{"application/vnd.cncf.notary.signature"}}})
	if err != nil {
		t.Fatal(err)
	}
	return len(out.Referrers)
}

// verify asks notation whether it believes an image, with a trust store that holds the certificate and a policy for the identity.
func (s *site) verify(t *testing.T, certificate, identity, repository, reference string) error {
	t.Helper()
	root := t.TempDir()
	store := filepath.Join(root, "truststore", "x509", "ca", "berth")
	if err := os.MkdirAll(store, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(store, "ca.pem"), []byte(certificate), 0o600); err != nil {
		t.Fatal(err)
	}
	policy := &trustpolicy.Document{Version: "1.0", TrustPolicies: []trustpolicy.TrustPolicy{{
		Name: "all", RegistryScopes: []string{"*"}, SignatureVerification: trustpolicy.SignatureVerification{VerificationLevel: "strict"},
		TrustStores: []string{"ca:berth"}, TrustedIdentities: []string{identity},
	}}}
	v, err := verifier.New(policy, truststore.NewX509TrustStore(dir.NewSysFS(root)), nil)
	if err != nil {
		t.Fatal(err)
	}
	at := fmt.Sprintf("%s/%s/%s/%s", s.Host, account, region, repository)
	target, err := remote.NewRepository(at)
	if err != nil {
		t.Fatal(err)
	}
	target.PlainHTTP = true
	target.Client = &auth.Client{Client: http.DefaultClient, Header: http.Header{"Authorization": {s.login}}}
	_, _, err = notation.Verify(context.Background(), v, registry.NewRepository(target), notation.VerifyOptions{ArtifactReference: at + "@" + reference, MaxSignatureAttempts: 10})
	return err
}

func only(repositories ...string) (filters []types.SigningRepositoryFilter) {
	for _, r := range repositories {
		filters = append(filters, types.SigningRepositoryFilter{Filter: aws.String(r), FilterType: types.SigningRepositoryFilterTypeWildcardMatch})
	}
	return filters
}

// An image is signed when it is pushed, and notation verifies it with the certificate that the profile came with (API-78).
func TestSignedOnPush(t *testing.T) {
	s := start(t)
	s.repository(t, "prod/web")
	release, certificate := s.profile(t, "release")
	audit, _ := s.profile(t, "audit")
	before := s.push(t, s.login, "app", "before")
	s.rules(t, types.SigningRule{SigningProfileArn: &release}, types.SigningRule{SigningProfileArn: &audit, RepositoryFilters: only("nothing", "prod*")},
		types.SigningRule{SigningProfileArn: &release, RepositoryFilters: only("app")})
	image, both := s.push(t, s.login, "app", "1"), s.push(t, s.login, "prod/web", "1")

	if got := s.status(t, "app", image.Digest()); got != "release COMPLETE" {
		t.Error(got)
	}
	if got := s.status(t, "prod/web", both.Digest()); got != "audit COMPLETE, release COMPLETE" {
		t.Error(got)
	}
	if got := s.status(t, "app", before.Digest()); got != "" || s.signatures(t, "app", before.Digest()) != 0 {
		t.Errorf("what was pushed before the rules: %s", got)
	}
	if a, b := s.signatures(t, "app", image.Digest()), s.signatures(t, "prod/web", both.Digest()); a != 1 || b != 2 {
		t.Errorf("%d and %d signatures", a, b)
	}
	const identity = "x509.subject: C=ZZ, ST=" + region + ", O=" + account
	if err := s.verify(t, certificate, identity, "app", image.Digest()); err != nil {
		t.Errorf("notation does not believe the signature: %v", err)
	}
	if err := s.verify(t, certificate, identity+", CN=release", "prod/web", both.Digest()); err != nil {
		t.Errorf("notation does not believe one of two signatures: %v", err)
	}
	// It believes nothing else: not an image without signature, not another profile's certificate, not another account's identity.
	if err := s.verify(t, certificate, identity, "app", before.Digest()); err == nil {
		t.Error("an image without signature is believed")
	}
	_, other := s.profile(t, "other")
	if err := s.verify(t, other, identity, "app", image.Digest()); err == nil {
		t.Error("a signature of another profile is believed")
	}
	if err := s.verify(t, certificate, "x509.subject: C=ZZ, ST="+region+", O=999888777666", "app", image.Digest()); err == nil {
		t.Error("a signature is believed for another account")
	}
	// The same image again is not signed again; another tag of it neither. Signatures are not signed.
	s.Push(t, s.login, account+"/"+region+"/app", "2", image)
	list, err := s.ecr.DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: aws.String("app")})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list.ImageDetails {
		if d.SubjectManifestDigest != nil && (s.status(t, "app", *d.ImageDigest) != "" || s.signatures(t, "app", *d.ImageDigest) != 0) {
			t.Errorf("the signature %s is signed", *d.ImageDigest)
		}
	}
	if n := s.signatures(t, "app", image.Digest()); n != 1 {
		t.Errorf("%d signatures after another push", n)
	}
}

// Who may not use the profile can push, and the status says why there is no signature; so it does when the profile is gone. A push of the same image by who may
// has it signed.
func TestSignaturesThatFail(t *testing.T) {
	s := start(t)
	release, certificate := s.profile(t, "release")
	gone, _ := s.profile(t, "gone")
	s.rules(t, types.SigningRule{SigningProfileArn: &release})
	pusher := s.owner.User(t, "pusher", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:*","Resource":"*"}]}`)
	image := s.push(t, pusher.Login(t, region), "app", "1")
	if got := s.status(t, "app", image.Digest()); got != "release FAILED AccessDenied" || s.signatures(t, "app", image.Digest()) != 0 {
		t.Error(got)
	}
	out, err := s.ecr.DescribeImageSigningStatus(t.Context(), &ecr.DescribeImageSigningStatusInput{RepositoryName: aws.String("app"), ImageId: &types.ImageIdentifier{ImageTag: aws.String("1")}})
	if err != nil {
		t.Fatal(err)
	}
	if want := "User: arn:aws:iam::111222333444:user/pusher is not authorized to perform: signer:SignPayload on resource: " + release; *out.SigningStatuses[0].FailureReason != want ||
		*out.ImageId.ImageDigest != image.Digest() || *out.ImageId.ImageTag != "1" || *out.RegistryId != account {
		t.Errorf("%+v %s", out, *out.SigningStatuses[0].FailureReason)
	}
	s.Push(t, s.login, account+"/"+region+"/app", "1", image)
	if got := s.status(t, "app", image.Digest()); got != "release COMPLETE" {
		t.Error(got)
	}
	if err := s.verify(t, certificate, "*", "app", image.Digest()); err != nil {
		t.Error(err)
	}
	s.rules(t, types.SigningRule{SigningProfileArn: &gone})
	if resp, body := s.Call(t, s.owner.Caller, "berth", region, "Berth_20261122", "DeleteSigningProfile", `{"name":"gone"}`); resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s", resp.Status, body)
	}
	if got := s.status(t, "app", s.push(t, s.login, "app", "2").Digest()); got != "gone FAILED ProfileNotFound" {
		t.Error(got)
	}
}

// A profile whose key cannot be read keeps nobody from being signed with another: the status says why there is no signature, and the queue goes on.
func TestUnusableProfile(t *testing.T) {
	s := start(t)
	release, _ := s.profile(t, "release")
	broken, _ := s.profile(t, "broken")
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.Config.Data, "berth.db")+"?_pragma=busy_timeout(10000)")
	if err == nil {
		_, err = db.ExecContext(t.Context(), `UPDATE signing_profile SET sealed_key = x'00' WHERE name = 'broken'`)
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	s.rules(t, types.SigningRule{SigningProfileArn: &broken}, types.SigningRule{SigningProfileArn: &release})
	image := s.push(t, s.login, "app", "1")
	if got := s.status(t, "app", image.Digest()); got != "broken FAILED ProfileUnusable, release COMPLETE" {
		t.Error(got)
	}
}
