package sts_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
)

// STS-9: temporary credentials for a federated user, as the AWS client gets them, and what they may not call.
func TestFederationToken_STS9(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		ctx := t.Context()
		ann := s.user("ann", mayAssume)
		in := &sts.GetFederationTokenInput{
			Name: str("fay"), Policy: str(mayAssume), PolicyArns: []types.PolicyDescriptorType{{Arn: str("arn:aws:iam::aws:policy/ReadOnlyAccess")}},
			Tags: []types.Tag{{Key: str("team"), Value: str("blue")}}, DurationSeconds: aws.Int32(900),
		}
		out, err := ann.GetFederationToken(ctx, in)
		s.ok(err)
		equal(t, "user", *out.FederatedUser.Arn+" "+*out.FederatedUser.FederatedUserId, "arn:aws:sts::111222333444:federated-user/fay 111222333444:fay")
		//lint:ignore SA1019 the clients of today read it
		if packed := aws.ToInt32(out.PackedPolicySize); packed < 1 || packed > 100 { //nolint:staticcheck // see above
			t.Errorf("%d%% packed", packed)
		}
		if !strings.HasPrefix(*out.Credentials.AccessKeyId, "ASIA") || len(*out.Credentials.SecretAccessKey) != 40 || time.Until(*out.Credentials.Expiration) > 15*time.Minute {
			t.Errorf("%v", out.Credentials)
		}
		fay := s.using(out.Credentials)
		who, err := fay.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		s.ok(err)
		equal(t, "it is", *who.Arn+" "+*who.UserId+" "+*who.Account, "arn:aws:sts::111222333444:federated-user/fay 111222333444:fay 111222333444")
		const denied = "User: arn:aws:sts::111222333444:federated-user/fay is not authorized to perform: sts:"
		s.refused(second(fay.GetFederationToken(ctx, in)), 403, "AccessDenied", denied+"…")
		s.refused(second(fay.GetSessionToken(ctx, &sts.GetSessionTokenInput{})), 403, "AccessDenied", denied+"GetSessionToken…")
		s.refused(second(fay.GetAccessKeyInfo(ctx, &sts.GetAccessKeyInfoInput{AccessKeyId: out.Credentials.AccessKeyId})), 403, "AccessDenied", denied+"GetAccessKeyInfo…")

		session, err := ann.GetSessionToken(ctx, &sts.GetSessionTokenInput{})
		s.ok(err)
		s.refused(second(s.using(session.Credentials).GetFederationToken(ctx, in)), 403, "AccessDenied", "Cannot call GetFederationToken with session credentials")
		in.DurationSeconds = aws.Int32(1_000_000_000)
		s.refused(second(ann.GetFederationToken(ctx, in)), 400, "ValidationError", "1 validation error detected: Value '1000000000' at 'durationSeconds' failed to satisfy constraint: …")
		in.DurationSeconds, in.Policy = nil, str("{")
		s.refused(second(ann.GetFederationToken(ctx, in)), 400, "MalformedPolicyDocument", "This policy contains invalid Json (line 1, column 2: …")
		in.Policy, in.PolicyArns = nil, []types.PolicyDescriptorType{{Arn: str("arn:aws:iam::111222333444:policy/none")}}
		s.refused(second(ann.GetFederationToken(ctx, in)), 400, "ValidationError", "Policy arn:aws:iam::111222333444:policy/none does not exist or is not attachable.")
		nobody := s.user("nobody", "")
		s.refused(second(nobody.GetFederationToken(ctx, &sts.GetFederationTokenInput{Name: str("fay")})), 403, "AccessDenied",
			"User: arn:aws:iam::111222333444:user/nobody is not authorized to perform: sts:GetFederationToken on resource: arn:aws:sts::111222333444:federated-user/fay because no identity-based policy allows the sts:GetFederationToken action")
	})
}
