package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"

	"github.com/berth-registry/berth/server"
)

const (
	vendorID   = "111222333444"
	customerID = "999888777666"
	strangerID = "555666777888"
	region     = "us-east-2"
	repository = "rake-app"
	repoARN    = "arn:aws:ecr:" + region + ":" + vendorID + ":repository/" + repository

	allowPull = `{
  "Version": "2012-10-17",
  "Statement": [
    {"Sid": "AllowPushPull", "Effect": "Allow",
     "Principal": {"AWS": "arn:aws:iam::111222333444:user/VendorDev", "Service": "codebuild.amazonaws.com"},
     "Action": ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage",
                "ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage"]},
    {"Sid": "AllowPull", "Effect": "Allow",
     "Principal": {"AWS": "arn:aws:iam::999888777666:root"},
     "Action": ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"]}
  ]
}
`
	identityPull = `{
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"},
    {"Effect": "Allow", "Action": ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"],
     "Resource": "` + repoARN + `"}
  ]
}
`
	signIn = `{
  "Version": "2012-10-17",
  "Statement": [{"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"}]
}
`
)

// all is the whole story.
func (s *story) all() error {
	s.beginning()
	s.vendorPushes()
	s.vendorShares()
	s.customerPulls()
	s.othersDoNot()
	s.vendorClearsUp()
	return s.err
}

func (s *story) beginning() {
	s.step("vendor", "The first start makes the vendor's account with a root access key; there is no default password or key.",
		"berth serve --data "+filepath.Join(s.dir, "data")+" --account "+vendorID+"\nexport AWS_SHARED_CREDENTIALS_FILE="+s.credentials+" AWS_ENDPOINT_URL="+s.url,
		func() (string, error) {
			root, err := s.person("default")
			if err != nil {
				return "", err
			}
			if info, err := os.Stat(s.credentials); err != nil || info.Mode().Perm() != 0o600 {
				return "", errors.Join(err, errors.New("the credentials file is not for its owner only"))
			}
			return fmt.Sprintf("account %s, access key %s…", s.first, root.AccessKeyID[:8]), expect("the account", s.first, vendorID)
		})
	for _, other := range []struct{ name, id, what string }{{"customer", customerID, "The customer has an account of its own."}, {"stranger", strangerID, "So has a stranger."}} {
		s.step("vendor", other.what, "berth account create --name "+other.name+" --id "+other.id, func() (string, error) {
			root, err := s.person("default")
			if err != nil {
				return "", err
			}
			account, key, err := createAccount(s.ctx, caller{s.url, root, "us-east-1", s.http}, newAccount{ID: other.id, Name: other.name, Administrator: "administrator"})
			if err != nil {
				return "", err
			}
			err = server.WriteProfile(s.credentials, other.name, server.Profile{AccessKeyID: key.ID, SecretAccessKey: key.Secret, Region: region})
			return fmt.Sprintf("account %s; the key of its administrator is profile %q", account, other.name), errors.Join(err, expect("the account", account, other.id))
		})
	}
}

func (s *story) vendorPushes() {
	s.step("vendor", "The vendor makes a repository. What is answered as repositoryUri can be pushed to as it is.",
		"aws ecr create-repository --repository-name "+repository+" --region "+region, func() (string, error) {
			out, err := s.ecr("default").CreateRepository(s.ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String(repository)})
			if err != nil {
				return "", err
			}
			uri := aws.ToString(out.Repository.RepositoryUri)
			if s.registry = strings.TrimSuffix(uri, "/"+repository); s.registry == uri {
				return uri, fmt.Errorf("the repositoryUri does not end with /%s", repository)
			}
			return "repositoryUri: " + uri, expect("the ARN", aws.ToString(out.Repository.RepositoryArn), repoARN)
		})
	s.login("vendor", "default", "The vendor logs in to its registry, and pushes.")
	s.step("vendor", "The image is one static file.", s.dockerCommand("docker build -t $REGISTRY/rake-app:1.1.0 .   # FROM scratch; COPY hello.txt /", "docker push $REGISTRY/rake-app:1.1.0"), func() (string, error) {
		s.image = newImage("Hello from the vendor\n")
		return s.push("default", "1.1.0", s.image)
	})
}

func (s *story) vendorShares() {
	s.user("vendor", "default", "VendorDev", "A user of the vendor may sign in, and nothing else by itself.", "sign-in", signIn)
	s.file("allow-pull.json", allowPull)
	s.step("vendor", "The repository policy lets the vendor's user and CodeBuild push, and the customer's account pull.",
		"aws ecr set-repository-policy --repository-name "+repository+" --region "+region+" --policy-text file://"+filepath.Join(s.dir, "allow-pull.json"), func() (string, error) {
			client := s.ecr("default")
			if _, err := client.SetRepositoryPolicy(s.ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String(repository), PolicyText: aws.String(allowPull)}); err != nil {
				return "", err
			}
			got, err := client.GetRepositoryPolicy(s.ctx, &ecr.GetRepositoryPolicyInput{RepositoryName: aws.String(repository)})
			if err != nil {
				return "", err
			}
			return "AllowPushPull for arn:aws:iam::111222333444:user/VendorDev and codebuild.amazonaws.com\nAllowPull for arn:aws:iam::999888777666:root", expect("the policy's text", aws.ToString(got.PolicyText), allowPull)
		})
	s.step("VendorDev", "The user pushes, because the repository policy says so.", s.dockerCommand(loginAs("VendorDev"), "docker tag $REGISTRY/rake-app:1.1.0 $REGISTRY/rake-app:1.1", "docker push $REGISTRY/rake-app:1.1"), func() (string, error) {
		return s.push("VendorDev", "1.1", s.image)
	})
}

func (s *story) customerPulls() {
	s.user("customer", "customer", "CustomerDev", "The customer lets one of its users pull from the vendor.", "pull", identityPull)
	s.login("CustomerDev", "CustomerDev", "CustomerDev logs in to the vendor's registry with its own account's key,")
	s.step("CustomerDev", "and pulls: its own account and the vendor both allow it.", s.dockerCommand("docker pull $REGISTRY/rake-app:1.1.0"), func() (string, error) {
		d, err := s.docker("CustomerDev")
		if err != nil {
			return "", err
		}
		digest, content, err := d.pull(s.ctx, repository, "1.1.0")
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("Digest: %s\nhello.txt: %s", digest, strings.TrimSpace(content)), errors.Join(expect("the digest", digest, s.image.digest()), expect("the file", content, s.image.text))
	})
	s.step("CustomerDev", "It may not push, and is told what is missing.", s.dockerCommand("docker push $REGISTRY/rake-app:evil"), func() (string, error) {
		_, err := s.push("CustomerDev", "evil", newImage("nothing good\n"))
		return deniedBy(err, "arn:aws:iam::999888777666:user/CustomerDev", "InitiateLayerUpload", "resource-based")
	})
}

func (s *story) othersDoNot() {
	s.user("customer", "customer", "CustomerClerk", "Another user of the customer may sign in, but no identity policy lets it pull.", "sign-in", signIn)
	s.step("CustomerClerk", "The vendor's policy is not enough: the customer decides who of its users may pull.", s.dockerCommand(loginAs("CustomerClerk"), "docker pull $REGISTRY/rake-app:1.1.0"), func() (string, error) {
		return s.pullDenied("CustomerClerk", "arn:aws:iam::999888777666:user/CustomerClerk", "identity-based")
	})
	s.step("stranger", "A third account may do everything with what is its own, and nothing here.", s.dockerCommand(loginAs("stranger"), "docker pull $REGISTRY/rake-app:1.1.0"), func() (string, error) {
		return s.pullDenied("stranger", "arn:aws:iam::555666777888:user/administrator", "resource-based")
	})
}

func (s *story) vendorClearsUp() {
	s.step("vendor", "The vendor looks at its images.", "aws ecr describe-images --registry-id "+vendorID+" --repository-name "+repository+" --region "+region, func() (string, error) {
		out, err := s.ecr("default").DescribeImages(s.ctx, &ecr.DescribeImagesInput{RegistryId: aws.String(vendorID), RepositoryName: aws.String(repository)})
		if err != nil {
			return "", err
		}
		if len(out.ImageDetails) != 1 {
			return "", fmt.Errorf("%d images are described, not 1", len(out.ImageDetails))
		}
		i := out.ImageDetails[0]
		answer := fmt.Sprintf("imageDigest: %s\nimageTags: %s; imageSizeInBytes: %d", aws.ToString(i.ImageDigest), strings.Join(i.ImageTags, ", "), aws.ToInt64(i.ImageSizeInBytes))
		return answer, errors.Join(expect("the digest", aws.ToString(i.ImageDigest), s.image.digest()), expect("the tags", strings.Join(i.ImageTags, " "), "1.1 1.1.0"))
	})
	remove := func() error {
		_, err := s.ecr("default").DeleteRepository(s.ctx, &ecr.DeleteRepositoryInput{RepositoryName: aws.String(repository)})
		return err
	}
	s.step("vendor", "A repository with images is not deleted by mistake.", "aws ecr delete-repository --repository-name "+repository+" --region "+region, func() (string, error) {
		return refusedWith(remove(), "DeleteRepository", "RepositoryNotEmptyException", "cannot be deleted because it still contains images")
	})
	s.step("vendor", "The image goes with its last tag,", "aws ecr batch-delete-image --repository-name "+repository+" --region "+region+" --image-ids imageTag=1.1.0 imageTag=1.1", func() (string, error) {
		out, err := s.ecr("default").BatchDeleteImage(s.ctx, &ecr.BatchDeleteImageInput{RepositoryName: aws.String(repository),
			ImageIds: []types.ImageIdentifier{{ImageTag: aws.String("1.1.0")}, {ImageTag: aws.String("1.1")}}})
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("imageIds: %d, failures: %d", len(out.ImageIds), len(out.Failures)), expect("deleted and failed", fmt.Sprint(len(out.ImageIds), len(out.Failures)), "2 0")
	})
	s.step("vendor", "and then the repository.", "aws ecr delete-repository --repository-name "+repository+" --region "+region, func() (string, error) {
		return "repositoryName: " + repository, remove()
	})
}

// user makes a user with an inline policy and an access key, which becomes a profile.
func (s *story) user(who, profile, name, what, policyName, document string) {
	file := policyName + ".json"
	s.file(file, document)
	with := ""
	if profile != "default" {
		with = " --profile " + profile
	}
	s.step(who, what, "aws iam create-user --user-name "+name+with+"\naws iam put-user-policy --user-name "+name+" --policy-name "+policyName+" --policy-document file://"+
		filepath.Join(s.dir, file)+with+"\naws iam create-access-key --user-name "+name+with, func() (string, error) {
		c := s.iam(profile)
		user, err := c.CreateUser(s.ctx, &iam.CreateUserInput{UserName: &name})
		if err != nil {
			return "", err
		}
		if _, err := c.PutUserPolicy(s.ctx, &iam.PutUserPolicyInput{UserName: &name, PolicyName: &policyName, PolicyDocument: &document}); err != nil {
			return "", err
		}
		key, err := c.CreateAccessKey(s.ctx, &iam.CreateAccessKeyInput{UserName: &name})
		if err != nil {
			return "", err
		}
		err = server.WriteProfile(s.credentials, name, server.Profile{AccessKeyID: *key.AccessKey.AccessKeyId, SecretAccessKey: *key.AccessKey.SecretAccessKey, Region: region})
		return fmt.Sprintf("%s, access key %s…", *user.User.Arn, (*key.AccessKey.AccessKeyId)[:8]), err
	})
}

// login shows the login that docker push and docker pull then use.
func (s *story) login(who, profile, what string) {
	s.step(who, what, s.dockerCommand(loginAs(profile)), func() (string, error) {
		d, err := s.docker(profile)
		if err != nil {
			return "", err
		}
		return "Login Succeeded", d.ping(s.ctx)
	})
}

func loginAs(profile string) string {
	with := ""
	if profile != "default" {
		with = " --profile " + profile
	}
	return "aws ecr get-login-password --region " + region + with + " | docker login --username AWS --password-stdin $REGISTRY"
}

// dockerCommand is what to type, with the name of the registry filled in.
func (s *story) dockerCommand(lines ...string) string {
	return strings.ReplaceAll(strings.Join(lines, "\n"), "$REGISTRY", s.registry)
}

func (s *story) push(profile, tag string, i *image) (string, error) {
	d, err := s.docker(profile)
	if err != nil {
		return "", err
	}
	if err := d.push(s.ctx, repository, tag, i); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s: digest: %s size: %d", tag, i.digest(), len(i.manifest)), nil
}

func (s *story) pullDenied(profile, principal, kind string) (string, error) {
	d, err := s.docker(profile)
	if err != nil {
		return "", err
	}
	_, _, err = d.pull(s.ctx, repository, "1.1.0")
	return deniedBy(err, principal, "BatchGetImage", kind)
}

// file keeps what a command names with file://.
func (s *story) file(name, text string) {
	if s.err == nil {
		s.err = os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600)
	}
}

func (s *story) ecr(profile string) *ecr.Client {
	return ecr.New(ecr.Options{Region: region, BaseEndpoint: &s.url, Credentials: s.provider(profile), HTTPClient: s.http})
}

func (s *story) iam(profile string) *iam.Client {
	return iam.New(iam.Options{Region: "us-east-1", BaseEndpoint: &s.url, Credentials: s.provider(profile), HTTPClient: s.http})
}

func (s *story) provider(profile string) aws.CredentialsProvider {
	c, err := s.person(profile)
	if err != nil {
		return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, err })
	}
	return credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, "")
}

// docker logs in as docker does: with the password of GetAuthorizationToken.
func (s *story) docker(profile string) (*docker, error) {
	out, err := s.ecr(profile).GetAuthorizationToken(s.ctx, &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		return nil, err
	}
	host, path, _ := strings.Cut(s.registry, "/")
	return &docker{http: s.http, url: "http://" + host + "/v2/", prefix: path + "/", authorization: "Basic " + aws.ToString(out.AuthorizationData[0].AuthorizationToken)}, nil
}

func expect(what, is, should string) error {
	if is != should {
		return fmt.Errorf("%s is %q and should be %q", what, is, should)
	}
	return nil
}

// deniedBy checks that a container client was refused for want of a policy of that kind, in the words of IAMP-5.
func deniedBy(err error, principal, action, kind string) (string, error) {
	should := "denied: User: " + principal + " is not authorized to perform: ecr:" + action + " on resource: " + repoARN + " because no " + kind + " policy allows the ecr:" + action + " action"
	if err == nil {
		return "", fmt.Errorf("it was allowed and should be refused with %q", should)
	}
	text, id, _ := strings.Cut(err.Error(), " (request id: ") // by which `berth explain` tells more
	if id == "" {
		return err.Error(), fmt.Errorf("the answer %q does not name its request", err)
	}
	return err.Error(), expect("the answer", text, should)
}

// refusedWith checks an AWS error, and words it as the aws CLI does.
func refusedWith(err error, operation, code, text string) (string, error) {
	if err == nil {
		return "", fmt.Errorf("it was done and should be refused with %s", code)
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		return "", err
	}
	answer := fmt.Sprintf("An error occurred (%s) when calling the %s operation: %s", api.ErrorCode(), operation, api.ErrorMessage())
	if api.ErrorCode() != code || !strings.Contains(api.ErrorMessage(), text) {
		return answer, fmt.Errorf("it should be refused with %s: …%s", code, text)
	}
	return answer, nil
}
