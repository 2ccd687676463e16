package ecr_test

import (
	"context"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
)

func TestGetAuthorizationToken_API31_API32(t *testing.T) {
	b := start(t)
	b.root(t, vendor, region)
	c := b.user(t, vendor, region, "puller", pull)
	data := must(c.GetAuthorizationToken(c.ctx, &ecr.GetAuthorizationTokenInput{}))(t).AuthorizationData
	if len(data) != 1 {
		t.Fatalf("%d entries", len(data))
	}
	if want := b.URL + "/" + vendor + "/" + region; *data[0].ProxyEndpoint != want {
		t.Errorf("proxyEndpoint %s, want %s", *data[0].ProxyEndpoint, want)
	}
	if left := time.Until(*data[0].ExpiresAt); left < 11*time.Hour || left > 12*time.Hour {
		t.Errorf("it is good for %v", left)
	}
	plain, err := base64.StdEncoding.DecodeString(*data[0].AuthorizationToken)
	if err != nil {
		t.Fatal(err)
	}
	password, ok := strings.CutPrefix(string(plain), "AWS:")
	if !ok || strings.Contains(password, ":") || len(password) > 3<<10 {
		t.Errorf("the token is %q", plain)
	}
	who, err := b.Identity().SignIn(context.Background(), password, region, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if who.Principal.ARN != "arn:aws:iam::111222333444:user/puller" {
		t.Errorf("it signs in %s", who.Principal.ARN)
	}
	if _, err := b.Identity().SignIn(iam.With(t.Context(), &iam.Call{}), password, "us-west-2", time.Now()); !fault.Is(err, fault.AccessDenied) {
		t.Errorf("in another region: %v", err)
	}

	// One entry for each registry that is named, good for all of them alike. The SDK calls the member deprecated, so it is sent by hand.
	status, _, body := b.post(t, vendor, prefix+"GetAuthorizationToken", `{"registryIds":["`+stranger+`","`+vendor+`"]}`)
	first, second := strings.Index(body, b.URL+"/"+stranger+"/"), strings.Index(body, b.URL+"/"+vendor+"/")
	if status != 200 || first < 0 || second < first || strings.Count(body, "authorizationToken") != 2 {
		t.Errorf("%d %s", status, body)
	}
	for _, ids := range []string{`[]`, `["` + strings.Repeat(vendor+`","`, 10) + vendor + `"]`, `["1"]`} {
		status, header, body := b.post(t, vendor, prefix+"GetAuthorizationToken", `{"registryIds":`+ids+`}`)
		if status != 400 || header.Get("X-Amzn-Errortype") != "InvalidParameterException" || !strings.Contains(body, "Invalid parameter at 'registryIds") {
			t.Errorf("%s: %d %s", ids, status, body)
		}
	}
}

func TestAuthorizationTokenEndsWithItsSession_API31(t *testing.T) {
	b := start(t)
	session := must(b.root(t, vendor, region).as.STS().GetSessionToken(context.Background(), &sts.GetSessionTokenInput{DurationSeconds: aws.Int32(1200)}))(t).Credentials
	c := b.caller(b.As(*session.AccessKeyId, *session.SecretAccessKey, *session.SessionToken), region)
	data := must(c.GetAuthorizationToken(c.ctx, &ecr.GetAuthorizationTokenInput{}))(t).AuthorizationData
	if left := time.Until(*data[0].ExpiresAt); left > 20*time.Minute || left < 10*time.Minute {
		t.Errorf("it is good for %v", left)
	}
}

func TestAuthorizationTokenIsGrantedByIdentityPoliciesOnly_IAM21_API29(t *testing.T) {
	b := start(t)
	c := b.user(t, vendor, region, "nobody", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"arn:aws:ecr:*:*:repository/*"}]}`)
	_, err := c.GetAuthorizationToken(c.ctx, &ecr.GetAuthorizationTokenInput{})
	refused(t, err, "AccessDeniedException", "User: arn:aws:iam::111222333444:user/nobody is not authorized to perform: ecr:GetAuthorizationToken on resource: * "+
		"because no identity-based policy allows the ecr:GetAuthorizationToken action")
}

func TestDescribeRegistry_API26_API76(t *testing.T) {
	c := start(t).root(t, vendor, region)
	got := must(c.DescribeRegistry(c.ctx, &ecr.DescribeRegistryInput{}))(t)
	if *got.RegistryId != vendor || got.ReplicationConfiguration == nil || len(got.ReplicationConfiguration.Rules) != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestAccountSettings_API49_API27(t *testing.T) {
	b := start(t)
	c := b.root(t, vendor, region)
	get := func(c caller, name string) string {
		t.Helper()
		got := must(c.GetAccountSetting(c.ctx, &ecr.GetAccountSettingInput{Name: &name}))(t)
		if *got.Name != name {
			t.Errorf("name %s", *got.Name)
		}
		return *got.Value
	}
	put := func(name, value string) error {
		got, err := c.PutAccountSetting(c.ctx, &ecr.PutAccountSettingInput{Name: &name, Value: &value})
		if err == nil && (*got.Name != name || *got.Value != value) {
			t.Errorf("answer %s = %s", *got.Name, *got.Value)
		}
		return err
	}
	for name, value := range map[string]string{"BASIC_SCAN_TYPE_VERSION": "AWS_NATIVE", "REGISTRY_POLICY_SCOPE": "V2", "BLOB_MOUNTING": "DISABLED"} {
		if got := get(c, name); got != value {
			t.Errorf("%s is %s by default, want %s", name, got, value)
		}
		if err := put(name, value); err != nil {
			t.Error(err)
		}
	}
	for name, value := range map[string]string{"REGISTRY_POLICY_SCOPE": "V1", "BLOB_MOUNTING": "ENABLED"} {
		if err := put(name, value); err != nil {
			t.Error(err)
		}
		if got := get(c, name); got != value {
			t.Errorf("%s is %s, want %s", name, got, value)
		}
	}
	if got := get(b.root(t, vendor, "us-west-2"), "BLOB_MOUNTING"); got != "DISABLED" {
		t.Errorf("in another region it is %s", got)
	}
	if got := get(b.root(t, stranger, region), "BLOB_MOUNTING"); got != "DISABLED" {
		t.Errorf("in another account it is %s", got)
	}
	refused(t, put("BASIC_SCAN_TYPE_VERSION", "CLAIR"), "InvalidParameterException", "…")
	refused(t, put("BLOB_MOUNTING", "enabled"), "InvalidParameterException", "…")
	refused(t, put("COLOUR", "red"), "InvalidParameterException", "…")
	_, err := c.GetAccountSetting(c.ctx, &ecr.GetAccountSettingInput{Name: aws.String("COLOUR")})
	refused(t, err, "InvalidParameterException", "…")
}

func TestAccountSettingCondition_IAMP41(t *testing.T) {
	b := start(t)
	c := b.user(t, vendor, region, "mounter", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:PutAccountSetting","Resource":"*",
		"Condition":{"StringEquals":{"ecr:AccountSetting":"BLOB_MOUNTING"}}}]}`)
	must(c.PutAccountSetting(c.ctx, &ecr.PutAccountSettingInput{Name: aws.String("BLOB_MOUNTING"), Value: aws.String("ENABLED")}))(t)
	_, err := c.PutAccountSetting(c.ctx, &ecr.PutAccountSettingInput{Name: aws.String("REGISTRY_POLICY_SCOPE"), Value: aws.String("V1")})
	refused(t, err, "AccessDeniedException", "…")
}
