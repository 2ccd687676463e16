package iam

import (
	"crypto/sha256"
	"embed"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/berth-registry/berth/lang/policy"
)

//go:embed managed/*.json
var managedDocuments embed.FS

// awsManaged are the policies that AWS makes and keeps (IAMP-7, IAM-13): they belong to no account, can be attached in all, and change only with berth.
type awsManaged struct {
	byID  map[string]*awsPolicy
	byARN map[string]*awsPolicy
	list  []*awsPolicy // by ARN
}

type awsPolicy struct {
	ManagedPolicy
	document string
	compiled *policy.Policy
}

const awsPolicyARN = "arn:aws:iam::aws:policy"

// loadManaged reads the documents and compiles them. ReadOnlyAccess, ViewOnlyAccess and SecurityAudit hold what concerns the services that berth
// serves; the others are whole.
func loadManaged() (*awsManaged, error) {
	m := &awsManaged{byID: map[string]*awsPolicy{}, byARN: map[string]*awsPolicy{}}
	for _, row := range []struct {
		path, name, version, date, description string
	}{
		{"/", "AdministratorAccess", "v1", "2015-02-06", "Provides full access to AWS services and resources."},
		{"/", "PowerUserAccess", "v12", "2026-02-12", "Provides full access to AWS services and resources, but does not allow management of Users and groups."},
		{"/", "ReadOnlyAccess", "v178", "2026-02-12", "Provides read-only access to AWS services and resources."},
		{"/job-function/", "ViewOnlyAccess", "v43", "2026-02-12", "This policy grants permissions to view resources and basic metadata across all AWS services."},
		{"/", "SecurityAudit", "v85", "2026-03-02", "The security audit template grants access to read security configuration metadata."},
		{"/", "IAMFullAccess", "v2", "2019-06-21", "Provides full access to IAM."},
		{"/", "IAMReadOnlyAccess", "v4", "2018-01-25", "Provides read only access to IAM."},
		{"/", "IAMUserChangePassword", "v5", "2026-02-12", "Provides the ability for an IAM user to change their own password."},
		{"/", "AWSOrganizationsFullAccess", "v9", "2026-02-12", "Provides full access to AWS Organizations."},
		{"/", "AWSCloud9User", "v12", "2026-02-12", "Provides permission to create AWS Cloud9 development environments and to manage owned environments."},
		{"/", "AmazonEC2ContainerRegistryFullAccess", "v3", "2020-12-05", "Provides administrative access to Amazon ECR resources."},
		{"/", "AmazonEC2ContainerRegistryPowerUser", "v3", "2019-12-10", "Provides full access to Amazon EC2 Container Registry repositories, but does not allow repository deletion or policy changes."},
		{"/", "AmazonEC2ContainerRegistryReadOnly", "v3", "2019-12-10", "Provides read-only access to Amazon EC2 Container Registry repositories."},
		{"/", "AmazonEC2ContainerRegistryPullOnly", "v1", "2024-10-04", "Provides permission to pull images from Amazon EC2 Container Registry repositories."},
		{"/service-role/", "AmazonECSTaskExecutionRolePolicy", "v1", "2017-11-16", "Provides access to other AWS service resources that are required to run Amazon ECS tasks."},
		{"/", "AmazonElasticContainerRegistryPublicFullAccess", "v1", "2020-12-01", "Provides administrative access to Amazon ECR Public resources."},
		{"/", "AmazonElasticContainerRegistryPublicPowerUser", "v1", "2020-12-01", "Provides full access to Amazon ECR Public repositories, but does not allow repository deletion or policy changes."},
		{"/", "AmazonElasticContainerRegistryPublicReadOnly", "v1", "2020-12-01", "Provides read-only access to Amazon ECR Public repositories."},
		{serviceRolePath, "ECRReplicationServiceRolePolicy", "v1", "2020-12-04", "Allows Amazon ECR to replicate images."},
		{serviceRolePath, "AWSECRPullThroughCache_ServiceRolePolicy", "v3", "2025-03-06", "Allows Amazon ECR to fill pull through caches."},
		{serviceRolePath, "AWSOrganizationsServiceTrustPolicy", "v2", "2017-11-20", "A policy to allow AWS Organizations to share trust with other approved AWS Services for the purpose of simplifying customer configuration."},
		{serviceRolePath, "ECRTemplateServiceRolePolicy", "v1", "2024-06-19", "Allows Amazon ECR to create repositories from templates."},
	} {
		text, err := managedDocuments.ReadFile("managed/" + row.name + ".json")
		if err != nil {
			return nil, err
		}
		compiled, err := policy.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("managed policy %s: %w", row.name, err)
		}
		made, err := time.Parse(time.DateOnly, row.date)
		if err != nil {
			return nil, err
		}
		p := &awsPolicy{document: string(text), compiled: compiled, ManagedPolicy: ManagedPolicy{
			ARN: awsPolicyARN + row.path + row.name, Name: row.name, Path: row.path, Description: row.description,
			Version: row.version, Attachable: row.path != serviceRolePath, Created: made, Updated: made,
		}}
		sum := sha256.Sum256([]byte(p.ARN)) // the same id in every database, so that attachments outlive a new berth
		p.ID = policyPrefix + base32Text.EncodeToString(sum[:])[:17]
		m.byID[p.ID], m.byARN[p.ARN] = p, p
		m.list = append(m.list, p)
	}
	slices.SortFunc(m.list, func(a, b *awsPolicy) int { return strings.Compare(a.ARN, b.ARN) })
	return m, nil
}
