package ecr_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

const pull = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr:BatchCheckLayerAvailability","ecr:GetDownloadUrlForLayer","ecr:BatchGetImage","ecr:GetAuthorizationToken"],"Resource":"*"}]}`

// operations is every operation on the repository "app" of the registry, by its action.
func operations(c caller, registry string) map[string]func() error {
	name, id := aws.String("app"), aws.String(registry)
	some := aws.String(digestOf("some"))
	resource := aws.String("arn:aws:ecr:us-east-2:" + registry + ":repository/app")
	upload := aws.String("8f3c2a54-6a64-4e8c-9d0f-0a6a1f2b3c4d")
	manifest := aws.String(indexOf())
	drop := func(_ any, err error) error { return err }
	return map[string]func() error{
		"BatchCheckLayerAvailability": func() error {
			return drop(c.BatchCheckLayerAvailability(c.ctx, &ecr.BatchCheckLayerAvailabilityInput{RegistryId: id, RepositoryName: name, LayerDigests: []string{*some}}))
		},
		"BatchDeleteImage": func() error {
			return drop(c.BatchDeleteImage(c.ctx, &ecr.BatchDeleteImageInput{RegistryId: id, RepositoryName: name, ImageIds: byTag("v1")}))
		},
		"BatchGetImage": func() error {
			return drop(c.BatchGetImage(c.ctx, &ecr.BatchGetImageInput{RegistryId: id, RepositoryName: name, ImageIds: byTag("v1")}))
		},
		"CompleteLayerUpload": func() error {
			return drop(c.CompleteLayerUpload(c.ctx, &ecr.CompleteLayerUploadInput{RegistryId: id, RepositoryName: name, UploadId: upload, LayerDigests: []string{*some}}))
		},
		"CreateRepository": func() error {
			return drop(c.CreateRepository(c.ctx, &ecr.CreateRepositoryInput{RegistryId: id, RepositoryName: name}))
		},
		"DeleteLifecyclePolicy": func() error {
			return drop(c.DeleteLifecyclePolicy(c.ctx, &ecr.DeleteLifecyclePolicyInput{RegistryId: id, RepositoryName: name}))
		},
		"DeleteRepository": func() error {
			return drop(c.DeleteRepository(c.ctx, &ecr.DeleteRepositoryInput{RegistryId: id, RepositoryName: name, Force: true}))
		},
		"DeleteRepositoryPolicy": func() error {
			return drop(c.DeleteRepositoryPolicy(c.ctx, &ecr.DeleteRepositoryPolicyInput{RegistryId: id, RepositoryName: name}))
		},
		"DescribeImageSigningStatus": func() error {
			return drop(c.DescribeImageSigningStatus(c.ctx, &ecr.DescribeImageSigningStatusInput{RegistryId: id, RepositoryName: name, ImageId: &byTag("v1")[0]}))
		},
		"DescribeImages": func() error {
			return drop(c.DescribeImages(c.ctx, &ecr.DescribeImagesInput{RegistryId: id, RepositoryName: name}))
		},
		"DescribeRepositories": func() error {
			return drop(c.DescribeRepositories(c.ctx, &ecr.DescribeRepositoriesInput{RegistryId: id, RepositoryNames: []string{"app"}}))
		},
		"GetDownloadUrlForLayer": func() error {
			return drop(c.GetDownloadUrlForLayer(c.ctx, &ecr.GetDownloadUrlForLayerInput{RegistryId: id, RepositoryName: name, LayerDigest: some}))
		},
		"GetLifecyclePolicy": func() error {
			return drop(c.GetLifecyclePolicy(c.ctx, &ecr.GetLifecyclePolicyInput{RegistryId: id, RepositoryName: name}))
		},
		"GetLifecyclePolicyPreview": func() error {
			return drop(c.GetLifecyclePolicyPreview(c.ctx, &ecr.GetLifecyclePolicyPreviewInput{RegistryId: id, RepositoryName: name}))
		},
		"GetRepositoryPolicy": func() error {
			return drop(c.GetRepositoryPolicy(c.ctx, &ecr.GetRepositoryPolicyInput{RegistryId: id, RepositoryName: name}))
		},
		"InitiateLayerUpload": func() error {
			return drop(c.InitiateLayerUpload(c.ctx, &ecr.InitiateLayerUploadInput{RegistryId: id, RepositoryName: name}))
		},
		"ListImages": func() error {
			return drop(c.ListImages(c.ctx, &ecr.ListImagesInput{RegistryId: id, RepositoryName: name}))
		},
		"ListTagsForResource": func() error {
			return drop(c.ListTagsForResource(c.ctx, &ecr.ListTagsForResourceInput{ResourceArn: resource}))
		},
		"PutImage": func() error {
			return drop(c.PutImage(c.ctx, &ecr.PutImageInput{RegistryId: id, RepositoryName: name, ImageManifest: manifest, ImageTag: aws.String("v1")}))
		},
		"PutImageScanningConfiguration": func() error {
			return drop(c.PutImageScanningConfiguration(c.ctx, &ecr.PutImageScanningConfigurationInput{RegistryId: id, RepositoryName: name, ImageScanningConfiguration: &types.ImageScanningConfiguration{}}))
		},
		"PutImageTagMutability": func() error {
			return drop(c.PutImageTagMutability(c.ctx, &ecr.PutImageTagMutabilityInput{RegistryId: id, RepositoryName: name, ImageTagMutability: "IMMUTABLE"}))
		},
		"PutLifecyclePolicy": func() error {
			return drop(c.PutLifecyclePolicy(c.ctx, &ecr.PutLifecyclePolicyInput{RegistryId: id, RepositoryName: name, LifecyclePolicyText: aws.String(gitRules)}))
		},
		"SetRepositoryPolicy": func() error {
			return drop(c.SetRepositoryPolicy(c.ctx, &ecr.SetRepositoryPolicyInput{RegistryId: id, RepositoryName: name, PolicyText: aws.String(sharing)}))
		},
		"StartLifecyclePolicyPreview": func() error {
			return drop(c.StartLifecyclePolicyPreview(c.ctx, &ecr.StartLifecyclePolicyPreviewInput{RegistryId: id, RepositoryName: name, LifecyclePolicyText: aws.String(gitRules)}))
		},
		"TagResource": func() error {
			return drop(c.TagResource(c.ctx, &ecr.TagResourceInput{ResourceArn: resource, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}}))
		},
		"UntagResource": func() error {
			return drop(c.UntagResource(c.ctx, &ecr.UntagResourceInput{ResourceArn: resource, TagKeys: []string{"a"}}))
		},
		"UpdateImageStorageClass": func() error {
			return drop(c.UpdateImageStorageClass(c.ctx, &ecr.UpdateImageStorageClassInput{RegistryId: id, RepositoryName: name, ImageId: &byTag("v1")[0], TargetStorageClass: "ARCHIVE"}))
		},
		"UploadLayerPart": func() error {
			return drop(c.UploadLayerPart(c.ctx, &ecr.UploadLayerPartInput{RegistryId: id, RepositoryName: name, UploadId: upload, PartFirstByte: aws.Int64(0), PartLastByte: aws.Int64(0), LayerPartBlob: []byte("x")}))
		},
	}
}

// settings is every operation on the registry itself, which names no repository, by its action.
func settings(c caller) map[string]func() error {
	drop := func(_ any, err error) error { return err }
	prefix, arn := aws.String("team"), aws.String("arn:aws:iam::"+vendor+":user/scanner")
	profile := aws.String("arn:aws:signer:" + region + ":" + vendor + ":/signing-profiles/release")
	return map[string]func() error{
		"CreateRepositoryCreationTemplate": func() error {
			return drop(c.CreateRepositoryCreationTemplate(c.ctx, &ecr.CreateRepositoryCreationTemplateInput{Prefix: prefix, AppliedFor: []types.RCTAppliedFor{"CREATE_ON_PUSH"}}))
		},
		"DeleteRegistryPolicy": func() error { return drop(c.DeleteRegistryPolicy(c.ctx, &ecr.DeleteRegistryPolicyInput{})) },
		"DeleteRepositoryCreationTemplate": func() error {
			return drop(c.DeleteRepositoryCreationTemplate(c.ctx, &ecr.DeleteRepositoryCreationTemplateInput{Prefix: prefix}))
		},
		"DeleteSigningConfiguration": func() error { return drop(c.DeleteSigningConfiguration(c.ctx, &ecr.DeleteSigningConfigurationInput{})) },
		"DeregisterPullTimeUpdateExclusion": func() error {
			return drop(c.DeregisterPullTimeUpdateExclusion(c.ctx, &ecr.DeregisterPullTimeUpdateExclusionInput{PrincipalArn: arn}))
		},
		"DescribeRegistry": func() error { return drop(c.DescribeRegistry(c.ctx, &ecr.DescribeRegistryInput{})) },
		"DescribeRepositoryCreationTemplates": func() error {
			return drop(c.DescribeRepositoryCreationTemplates(c.ctx, &ecr.DescribeRepositoryCreationTemplatesInput{}))
		},
		"GetAccountSetting": func() error {
			return drop(c.GetAccountSetting(c.ctx, &ecr.GetAccountSettingInput{Name: aws.String("BLOB_MOUNTING")}))
		},
		"GetAuthorizationToken":   func() error { return drop(c.GetAuthorizationToken(c.ctx, &ecr.GetAuthorizationTokenInput{})) },
		"GetRegistryPolicy":       func() error { return drop(c.GetRegistryPolicy(c.ctx, &ecr.GetRegistryPolicyInput{})) },
		"GetSigningConfiguration": func() error { return drop(c.GetSigningConfiguration(c.ctx, &ecr.GetSigningConfigurationInput{})) },
		"ListPullTimeUpdateExclusions": func() error {
			return drop(c.ListPullTimeUpdateExclusions(c.ctx, &ecr.ListPullTimeUpdateExclusionsInput{}))
		},
		"PutAccountSetting": func() error {
			return drop(c.PutAccountSetting(c.ctx, &ecr.PutAccountSettingInput{Name: aws.String("BLOB_MOUNTING"), Value: aws.String("ENABLED")}))
		},
		"PutRegistryPolicy": func() error {
			return drop(c.PutRegistryPolicy(c.ctx, &ecr.PutRegistryPolicyInput{PolicyText: aws.String(strings.Replace(openPolicy, `"Action"`, `"Resource":"*","Action"`, 1))}))
		},
		"PutSigningConfiguration": func() error {
			return drop(c.PutSigningConfiguration(c.ctx, &ecr.PutSigningConfigurationInput{SigningConfiguration: &types.SigningConfiguration{Rules: []types.SigningRule{{SigningProfileArn: profile}}}}))
		},
		"RegisterPullTimeUpdateExclusion": func() error {
			return drop(c.RegisterPullTimeUpdateExclusion(c.ctx, &ecr.RegisterPullTimeUpdateExclusionInput{PrincipalArn: arn}))
		},
		"UpdateRepositoryCreationTemplate": func() error {
			return drop(c.UpdateRepositoryCreationTemplate(c.ctx, &ecr.UpdateRepositoryCreationTemplateInput{Prefix: prefix}))
		},
	}
}

func TestStrangersAreRefusedEverywhere_API26_API28_H17_H53(t *testing.T) {
	b := start(t)
	owner := b.root(t, vendor, region)
	other := b.root(t, stranger, region)
	answers := func() map[string]string {
		got := map[string]string{}
		for action, call := range operations(other, vendor) {
			err := call()
			refused(t, err, "AccessDeniedException", "User: arn:aws:iam::123123123123:root is not authorized to perform: ecr:"+action+
				" on resource: arn:aws:ecr:us-east-2:111222333444:repository/app because no resource-based policy allows the ecr:"+action+" action")
			got[action] = withoutRequestID(err)
		}
		_, err := other.DescribeRepositories(other.ctx, &ecr.DescribeRepositoriesInput{RegistryId: aws.String(vendor)})
		refused(t, err, "AccessDeniedException", "User: arn:aws:iam::123123123123:root is not authorized to perform: ecr:DescribeRepositories "+
			"on resource: arn:aws:ecr:us-east-2:111222333444:repository/* because no resource-based policy allows the ecr:DescribeRepositories action")
		return got
	}
	absent := answers()
	owner.repository(t, "app")
	owner.image(t, "app", "secret", "v1")
	there := answers()
	for action := range absent {
		if absent[action] != there[action] {
			t.Errorf("ecr:%s tells whether the repository exists:\n%s\n%s", action, absent[action], there[action])
		}
	}
	if got := must(owner.ListImages(owner.ctx, &ecr.ListImagesInput{RepositoryName: aws.String("app")}))(t).ImageIds; len(got) != 1 {
		t.Errorf("the owner has %d images", len(got))
	}
}

func TestUsersWithoutPermissionAreRefusedEverywhere_API28_API29(t *testing.T) {
	b := start(t)
	b.root(t, vendor, region).repository(t, "app")
	c := b.user(t, vendor, region, "intern", "")
	ofRepository, ofRegistry := operations(c, vendor), settings(c)
	refusedFor := func(action, resource string, err error) {
		t.Helper()
		refused(t, err, "AccessDeniedException", "User: arn:aws:iam::111222333444:user/intern is not authorized to perform: ecr:"+action+
			" on resource: "+resource+" because no identity-based policy allows the ecr:"+action+" action")
	}
	const app = "arn:aws:ecr:us-east-2:111222333444:repository/app"
	for action, call := range ofRepository {
		refusedFor(action, app, call())
	}
	for action, call := range ofRegistry {
		refusedFor(action, "*", call())
	}
	_, err := c.ListImageReferrers(c.ctx, &ecr.ListImageReferrersInput{RepositoryName: aws.String("app"), SubjectId: &types.SubjectIdentifier{ImageDigest: aws.String(digestOf("some"))}})
	refusedFor("BatchGetImage", app, err) // which has no action of its own (API-59)
	served, _ := exceptionsOf(t)
	for operation := range served {
		if ofRepository[operation] == nil && ofRegistry[operation] == nil && operation != "ListImageReferrers" {
			t.Errorf("nobody was refused %s", operation)
		}
	}
	_, err = c.DescribeRepositories(c.ctx, &ecr.DescribeRepositoriesInput{})
	refused(t, err, "AccessDeniedException", "User: arn:aws:iam::111222333444:user/intern is not authorized to perform: ecr:DescribeRepositories on resource: "+
		"arn:aws:ecr:us-east-2:111222333444:repository/* because no identity-based policy allows the ecr:DescribeRepositories action")
}

func TestSharingWithAnotherAccount_API26_API44_HTTP35(t *testing.T) {
	b := start(t)
	owner := b.root(t, vendor, region)
	owner.repository(t, "app")
	manifest := owner.imageOf(t, "app", `{}`, "the layer")
	digest := owner.push(t, "app", manifest, "1.1.0")
	b.root(t, customer, region)
	must(owner.SetRepositoryPolicy(owner.ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("app"), PolicyText: aws.String(sharing)}))(t)

	dev := b.user(t, customer, region, "CustomerDev", pull)
	got := must(dev.BatchGetImage(dev.ctx, &ecr.BatchGetImageInput{RegistryId: aws.String(vendor), RepositoryName: aws.String("app"), ImageIds: byTag("1.1.0")}))(t)
	if len(got.Images) != 1 || *got.Images[0].ImageManifest != manifest || *got.Images[0].ImageId.ImageDigest != digest || *got.Images[0].RegistryId != vendor {
		t.Errorf("got %+v", got)
	}
	must(dev.GetDownloadUrlForLayer(dev.ctx, &ecr.GetDownloadUrlForLayerInput{RegistryId: aws.String(vendor), RepositoryName: aws.String("app"), LayerDigest: aws.String(digestOf("the layer"))}))(t)
	// The policy allows no push, and the customer's own policy neither: the resource side is what is named.
	_, err := dev.InitiateLayerUpload(dev.ctx, &ecr.InitiateLayerUploadInput{RegistryId: aws.String(vendor), RepositoryName: aws.String("app")})
	refused(t, err, "AccessDeniedException", "User: arn:aws:iam::999888777666:user/CustomerDev is not authorized to perform: ecr:InitiateLayerUpload on resource: "+
		"arn:aws:ecr:us-east-2:111222333444:repository/app because no resource-based policy allows the ecr:InitiateLayerUpload action")
	// API-44: the action on no repository is not this policy's to allow.
	only := b.user(t, customer, region, "Only", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:BatchGetImage","Resource":"*"}]}`)
	_, err = only.GetAuthorizationToken(only.ctx, &ecr.GetAuthorizationTokenInput{})
	refused(t, err, "AccessDeniedException", "User: arn:aws:iam::999888777666:user/Only is not authorized to perform: ecr:GetAuthorizationToken on resource: * "+
		"because no identity-based policy allows the ecr:GetAuthorizationToken action")
	// A user of the customer without a policy of their own.
	idle := b.user(t, customer, region, "Idle", "")
	_, err = idle.BatchGetImage(idle.ctx, &ecr.BatchGetImageInput{RegistryId: aws.String(vendor), RepositoryName: aws.String("app"), ImageIds: byTag("1.1.0")})
	refused(t, err, "AccessDeniedException", "User: arn:aws:iam::999888777666:user/Idle is not authorized to perform: ecr:BatchGetImage on resource: "+
		"arn:aws:ecr:us-east-2:111222333444:repository/app because no identity-based policy allows the ecr:BatchGetImage action")
}

func TestRegistryID_API26(t *testing.T) {
	c := start(t).root(t, vendor, region)
	for _, id := range []string{"", "1", "11122233344", "1112223334445", "11122233344a", "111222333444\n"} {
		_, err := c.ListImages(c.ctx, &ecr.ListImagesInput{RegistryId: &id, RepositoryName: aws.String("app")})
		refused(t, err, "InvalidParameterException", "Invalid parameter at 'registryId' failed to satisfy constraint: 'must satisfy regular expression '[0-9]{12}''")
	}
}

func TestTagConditions_API30(t *testing.T) {
	b := start(t)
	root := b.root(t, vendor, region)
	for name, team := range map[string]string{"red-app": "red", "blue-app": "blue"} {
		must(root.CreateRepository(root.ctx, &ecr.CreateRepositoryInput{RepositoryName: &name, Tags: []types.Tag{{Key: aws.String("team"), Value: &team}}}))(t)
	}
	c := b.user(t, vendor, region, "red", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"ecr:ListImages","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"red"}}},
		{"Effect":"Allow","Action":"ecr:DescribeImages","Resource":"*","Condition":{"StringEquals":{"ecr:ResourceTag/team":"red"}}},
		{"Effect":"Allow","Action":["ecr:CreateRepository","ecr:TagResource"],"Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/team":"red"}}},
		{"Effect":"Allow","Action":"ecr:UntagResource","Resource":"*","Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":["note"]}}}]}`)
	create := func(name, team string) error {
		_, err := c.CreateRepository(c.ctx, &ecr.CreateRepositoryInput{RepositoryName: &name, Tags: []types.Tag{{Key: aws.String("team"), Value: &team}}})
		return err
	}
	drop := func(_ any, err error) error { return err }
	tag := func(name, team string) error {
		return drop(c.TagResource(c.ctx, &ecr.TagResourceInput{ResourceArn: aws.String("arn:aws:ecr:us-east-2:111222333444:repository/" + name),
			Tags: []types.Tag{{Key: aws.String("team"), Value: &team}}}))
	}
	untag := func(keys ...string) error {
		return drop(c.UntagResource(c.ctx, &ecr.UntagResourceInput{ResourceArn: aws.String("arn:aws:ecr:us-east-2:111222333444:repository/red-app"), TagKeys: keys}))
	}
	for _, allowed := range []error{
		drop(c.ListImages(c.ctx, &ecr.ListImagesInput{RepositoryName: aws.String("red-app")})),
		drop(c.DescribeImages(c.ctx, &ecr.DescribeImagesInput{RepositoryName: aws.String("red-app")})),
		create("red-two", "red"), tag("red-app", "red"), untag("note"),
	} {
		if allowed != nil {
			t.Error(allowed)
		}
	}
	for _, denied := range []error{
		drop(c.ListImages(c.ctx, &ecr.ListImagesInput{RepositoryName: aws.String("blue-app")})),
		drop(c.DescribeImages(c.ctx, &ecr.DescribeImagesInput{RepositoryName: aws.String("blue-app")})),
		create("blue-two", "blue"), tag("red-app", "blue"), untag("team"), untag("note", "team"),
	} {
		refused(t, denied, "AccessDeniedException", "User: arn:aws:iam::111222333444:user/red is not authorized…")
	}
}

// aws:TagKeys is asked at each operation that names keys of tags (API-30).
func TestTagKeyConditions_API30(t *testing.T) {
	b := start(t)
	b.root(t, vendor, region).repository(t, "app")
	c := b.user(t, vendor, region, "labeller", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr:CreateRepository","ecr:TagResource","ecr:UntagResource"],"Resource":"*",
		"Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":["team","stage"]}}}]}`)
	resource := aws.String("arn:aws:ecr:us-east-2:111222333444:repository/app")
	for _, test := range []struct {
		keys    []string
		allowed bool
	}{{[]string{"team"}, true}, {[]string{"team", "stage"}, true}, {[]string{"team", "owner"}, false}, {[]string{"owner"}, false}} {
		var tags []types.Tag
		for _, key := range test.keys {
			tags = append(tags, types.Tag{Key: &key, Value: aws.String("v")})
		}
		_, create := c.CreateRepository(c.ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String("of-" + strings.Join(test.keys, "-")), Tags: tags})
		_, tag := c.TagResource(c.ctx, &ecr.TagResourceInput{ResourceArn: resource, Tags: tags})
		_, untag := c.UntagResource(c.ctx, &ecr.UntagResourceInput{ResourceArn: resource, TagKeys: test.keys})
		for operation, err := range map[string]error{"CreateRepository": create, "TagResource": tag, "UntagResource": untag} {
			if test.allowed && err != nil {
				t.Errorf("%s %v: %v", operation, test.keys, err)
			}
			if !test.allowed {
				refused(t, err, "AccessDeniedException", "User: arn:aws:iam::111222333444:user/labeller is not authorized to perform: ecr:…")
			}
		}
	}
}

// withoutRequestID is what of an error a client sees but the id of its own request.
func withoutRequestID(err error) string {
	_, rest, _ := strings.Cut(err.Error(), "api error ")
	return idBehind.ReplaceAllString(rest, "")
}
