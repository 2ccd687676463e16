package distribution_test

import (
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/berth-registry/berth/api/distribution"
	"github.com/berth-registry/berth/api/front"
	"github.com/berth-registry/berth/berthtest"
	"github.com/berth-registry/berth/server"
)

const (
	account = "111122223333"
	another = "999988887777"
	region  = "us-east-1"
	domain  = "registry.example"
)

// site is a whole berth with two accounts: this door behind the front door, over the real registry.
type site struct {
	*berthtest.Server
	ecr             *ecr.Client // of the owner
	owner, stranger *client
	door            *distribution.Door
	handler         http.Handler
}

// pathForm is what stands before repository names in the path form.
var pathForm = account + "/" + region + "/"

func start(t testing.TB) *site {
	t.Helper()
	s := &site{Server: berthtest.Start(t, func(c *server.Config) { c.Domain = domain })}
	f := s.Handler().(*front.Front)
	s.door, s.handler = f.Distribution, f
	owner, stranger := s.Account(t, account), s.Account(t, another)
	s.ecr = owner.ECR(region)
	s.owner = &client{base: s.URL, prefix: pathForm, authorization: owner.Login(t, region)}
	s.stranger = &client{base: s.URL, prefix: pathForm, authorization: stranger.Login(t, region)}
	return s
}

// create makes a repository.
func (s *site) create(t testing.TB, name string) {
	t.Helper()
	if _, err := s.ecr.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: &name}); err != nil {
		t.Fatal(err)
	}
}

// immutable makes a repository's tags immutable.
func (s *site) immutable(t testing.TB, name string) {
	t.Helper()
	if _, err := s.ecr.PutImageTagMutability(t.Context(), &ecr.PutImageTagMutabilityInput{RepositoryName: &name, ImageTagMutability: types.ImageTagMutabilityImmutable}); err != nil {
		t.Fatal(err)
	}
}

// mounting switches cross-repository mounts on or off (HTTP-20).
func (s *site) mounting(t testing.TB, on bool) {
	t.Helper()
	value := "DISABLED"
	if on {
		value = "ENABLED"
	}
	if _, err := s.ecr.PutAccountSetting(t.Context(), &ecr.PutAccountSettingInput{Name: aws.String("BLOB_MOUNTING"), Value: &value}); err != nil {
		t.Fatal(err)
	}
}
