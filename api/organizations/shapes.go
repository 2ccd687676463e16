package organizations

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"github.com/berth-registry/berth/identity/org"
)

func showOrganization(f *org.Organization) *types.Organization {
	out := &types.Organization{
		Id: aws.String(f.ID), Arn: aws.String(f.ARN()), FeatureSet: types.OrganizationFeatureSet(f.Features), AvailablePolicyTypes: []types.PolicyTypeSummary{},
		MasterAccountId: aws.String(f.Management), MasterAccountArn: aws.String(f.ARNOf(f.Management)), MasterAccountEmail: aws.String(f.Email),
	}
	if f.Features == org.FeaturesAll { // AWS shows this one type here whatever is enabled; ListRoots tells the truth (ORG-11)
		out.AvailablePolicyTypes = append(out.AvailablePolicyTypes, types.PolicyTypeSummary{Type: types.PolicyTypeServiceControlPolicy, Status: types.PolicyTypeStatusEnabled})
	}
	return out
}
