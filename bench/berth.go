package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go/logging"
)

const region = "us-east-1"

// The identity policy of the user that the scenarios run as: what AWS's guides give to a pipeline, in two statements.
const policy = `{"Version":"2012-10-17","Statement":[
 {"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"},
 {"Sid":"Pipeline","Effect":"Allow","Action":["ecr:BatchCheckLayerAvailability","ecr:GetDownloadUrlForLayer","ecr:BatchGetImage","ecr:InitiateLayerUpload","ecr:UploadLayerPart","ecr:CompleteLayerUpload","ecr:PutImage","ecr:ListImages"],
  "Resource":"arn:aws:ecr:*:*:repository/bench*"}]}`

// newBerth starts it as README says, with nothing switched off, and works as an IAM user: every request is decided by a policy.
func (b *bench) newBerth(t *target) error { return b.berthWith(t) }

// berthWith is newBerth with further flags.
func (b *bench) berthWith(t *target, flags ...string) error {
	program := b.berth
	if t.name == "before" {
		program = b.before
	}
	berth, err := filepath.Abs(program)
	if err != nil {
		return err
	}
	if !exists(berth) {
		return exec.ErrNotFound
	}
	data := filepath.Join(t.dir, "data")
	t.durable = true
	t.launch = func() (*process, error) {
		return spawn(t.dir, nil, berth, append([]string{"serve", "--data", data, "--listen", t.addr, "--regions", region, "--account", "111222333444"}, flags...)...)
	}
	t.settle = func(ctx context.Context) error {
		root, err := config.LoadDefaultConfig(ctx,
			config.WithSharedCredentialsFiles([]string{filepath.Join(data, "credentials")}), config.WithSharedConfigProfile("default"),
			config.WithSharedConfigFiles(nil), config.WithRegion(region), config.WithBaseEndpoint("http://"+t.addr), config.WithLogger(logging.Nop{}))
		if err != nil {
			return err
		}
		t.root = root
		for _, name := range []string{small, many} {
			made, err := ecr.NewFromConfig(root).CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: &name})
			if err != nil {
				return err
			}
			// The repositoryUri is host:port/what/comes/before/name.
			path := strings.TrimPrefix(*made.Repository.RepositoryUri, t.addr+"/")
			t.base = "/v2/" + strings.TrimSuffix(path, name)
		}
		return t.signIn(ctx, root)
	}
	return nil
}

// signIn makes an IAM user with the pipeline's policy and gets its registry password.
func (t *target) signIn(ctx context.Context, root aws.Config) error {
	users := iam.NewFromConfig(root)
	name := aws.String("pipeline")
	if _, err := users.CreateUser(ctx, &iam.CreateUserInput{UserName: name}); err != nil {
		return err
	}
	if _, err := users.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: name, PolicyName: name, PolicyDocument: aws.String(policy)}); err != nil {
		return err
	}
	key, err := users.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: name})
	if err != nil {
		return err
	}
	as := root.Copy()
	as.Credentials = credentials.NewStaticCredentialsProvider(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "")
	token, err := ecr.NewFromConfig(as).GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		return err
	}
	if len(token.AuthorizationData) != 1 {
		return fmt.Errorf("GetAuthorizationToken answers %d tokens", len(token.AuthorizationData))
	}
	t.auth = "Authorization: Basic " + *token.AuthorizationData[0].AuthorizationToken + "\r\n"
	return nil
}
