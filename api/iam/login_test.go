package iam_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// IAM-5, IAM-11: login profiles and the password policy, by the AWS client.
func TestLoginProfiles_IAM5(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		ctx := t.Context()
		_, err := s.root.GetAccountPasswordPolicy(ctx, &iam.GetAccountPasswordPolicyInput{})
		s.refused(err, 404, "NoSuchEntity", "The Password Policy with domain name 111222333444 cannot be found.")
		_, err = s.root.UpdateAccountPasswordPolicy(ctx, &iam.UpdateAccountPasswordPolicyInput{RequireNumbers: true, MaxPasswordAge: aws.Int32(90)})
		s.ok(err)
		policy, err := s.root.GetAccountPasswordPolicy(ctx, &iam.GetAccountPasswordPolicyInput{})
		s.ok(err)
		if p := policy.PasswordPolicy; *p.MinimumPasswordLength != 6 || !p.RequireNumbers || p.RequireSymbols || !p.ExpirePasswords || *p.MaxPasswordAge != 90 || p.PasswordReusePrevention != nil || *p.HardExpiry {
			t.Errorf("%+v", p)
		}
		_, err = s.root.UpdateAccountPasswordPolicy(ctx, &iam.UpdateAccountPasswordPolicyInput{MinimumPasswordLength: aws.Int32(5)})
		s.refused(err, 400, "ValidationError", "1 validation error detected: …")

		_, err = s.root.CreateUser(ctx, &iam.CreateUserInput{UserName: str("Ann")})
		s.ok(err)
		_, err = s.root.GetLoginProfile(ctx, &iam.GetLoginProfileInput{UserName: str("Ann")})
		s.refused(err, 404, "NoSuchEntity", "Login Profile for User Ann cannot be found.")
		_, err = s.root.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: str("bob"), Password: str("secret1")})
		s.refused(err, 404, "NoSuchEntity", "The user with name bob cannot be found.")
		_, err = s.root.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: str("Ann"), Password: str("secret")})
		s.refused(err, 400, "PasswordPolicyViolation", "Password should have at least one number")
		_, err = s.root.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: str("Ann")})
		s.refused(err, 400, "ValidationError", "1 validation error detected: Value null at 'password' failed to satisfy constraint: Member must not be null")
		made, err := s.root.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: str("ann"), Password: str("secret1"), PasswordResetRequired: true})
		s.ok(err)
		got, err := s.root.GetLoginProfile(ctx, &iam.GetLoginProfileInput{UserName: str("Ann")})
		s.ok(err)
		equal(t, "name", *got.LoginProfile.UserName, "Ann")
		if !got.LoginProfile.PasswordResetRequired || !got.LoginProfile.CreateDate.Equal(*made.LoginProfile.CreateDate) {
			t.Errorf("%+v", got.LoginProfile)
		}
		_, err = s.root.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: str("Ann"), Password: str("secret1")})
		s.refused(err, 409, "EntityAlreadyExists", "Login Profile for user Ann already exists.")
		_, err = s.root.DeleteUser(ctx, &iam.DeleteUserInput{UserName: str("Ann")})
		s.refused(err, 409, "DeleteConflict", "Cannot delete entity, must delete login profile first.")
		_, err = s.root.UpdateLoginProfile(ctx, &iam.UpdateLoginProfileInput{UserName: str("Ann"), PasswordResetRequired: aws.Bool(false)})
		s.ok(err)
		_, err = s.root.ChangePassword(ctx, &iam.ChangePasswordInput{OldPassword: str("secret1"), NewPassword: str("secret2")})
		s.refused(err, 400, "InvalidUserType", "Only IAM Users can change their own password")
		k, err := s.root.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: str("Ann")})
		s.ok(err)
		ann := s.client(*k.AccessKey.AccessKeyId, *k.AccessKey.SecretAccessKey)
		_, err = s.root.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: str("Ann"), PolicyArn: str("arn:aws:iam::aws:policy/IAMUserChangePassword")})
		s.ok(err)
		_, err = ann.ChangePassword(ctx, &iam.ChangePasswordInput{OldPassword: str("secret0"), NewPassword: str("secret2")})
		s.refused(err, 403, "AccessDenied", "The old password was incorrect.")
		_, err = ann.ChangePassword(ctx, &iam.ChangePasswordInput{OldPassword: str("secret1"), NewPassword: str("secret2")})
		s.ok(err)
		_, err = s.root.DeleteLoginProfile(ctx, &iam.DeleteLoginProfileInput{UserName: str("Ann")})
		s.ok(err)
		_, err = s.root.DeleteLoginProfile(ctx, &iam.DeleteLoginProfileInput{UserName: str("Ann")})
		s.refused(err, 404, "NoSuchEntity", "Login Profile for User Ann cannot be found.")
		_, err = s.root.DeleteAccountPasswordPolicy(ctx, &iam.DeleteAccountPasswordPolicyInput{})
		s.ok(err)
		_, err = s.root.DeleteAccountPasswordPolicy(ctx, &iam.DeleteAccountPasswordPolicyInput{})
		s.refused(err, 404, "NoSuchEntity", "The Password Policy with domain name 111222333444 cannot be found.")
	})
}
