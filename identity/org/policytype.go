package org

import (
	"slices"

	"github.com/berth-registry/berth/lang/policy"
)

// PolicyType is a kind of policy that hangs in the tree (ORG-19).
type PolicyType string

// The types that bind requests (ORG-27, ORG-28). Those of all other types are kept and merged, and nothing else.
const (
	ServiceControlPolicy  PolicyType = "SERVICE_CONTROL_POLICY"
	ResourceControlPolicy PolicyType = "RESOURCE_CONTROL_POLICY"
)

// rules are what holds for the policies of one type.
type rules struct {
	kind        string // in ARNs (ORG-3)
	longest     int    // characters of a document, white space counted
	attachments int    // most of them on one root, unit or account
}

// rules answers what holds for t. The numbers of types that are not enforced are those of AWS's quotas.
func (t PolicyType) rules() (rules, bool) {
	switch t {
	case ServiceControlPolicy:
		return rules{"service_control_policy", 5120, 5}, true
	case ResourceControlPolicy:
		return rules{"resource_control_policy", 5120, 5}, true
	case "TAG_POLICY":
		return rules{"tag_policy", 10000, 10}, true
	case "BACKUP_POLICY":
		return rules{"backup_policy", 10000, 10}, true
	case "AISERVICES_OPT_OUT_POLICY":
		return rules{"aiservices_opt_out_policy", 2500, 5}, true
	case "CHATBOT_POLICY":
		return rules{"chatbot_policy", 10000, 5}, true
	case "DECLARATIVE_POLICY_EC2":
		return rules{"declarative_policy_ec2", 10000, 10}, true
	case "SECURITYHUB_POLICY":
		return rules{"securityhub_policy", 10000, 10}, true
	case "INSPECTOR_POLICY":
		return rules{"inspector_policy", 10000, 10}, true
	case "UPGRADE_ROLLOUT_POLICY":
		return rules{"upgrade_rollout_policy", 10000, 10}, true
	case "BEDROCK_POLICY":
		return rules{"bedrock_policy", 10000, 10}, true
	case "S3_POLICY":
		return rules{"s3_policy", 10000, 10}, true
	case "NETWORK_SECURITY_DIRECTOR_POLICY":
		return rules{"network_security_director_policy", 10000, 10}, true
	}
	return rules{}, false
}

// inherited says that policies of the type do not bind, but are merged from the root down to what holds for an account.
func (t PolicyType) inherited() bool { return t != ServiceControlPolicy && t != ResourceControlPolicy }

// language is the kind of document that lang/policy knows the type as.
func (t PolicyType) language() policy.Kind {
	if t == ResourceControlPolicy {
		return policy.RCP
	}
	return policy.SCP
}

// The policies of AWS: each allows everything, so that a level on which nothing else hangs stops nobody (ORG-21).
const (
	fullAccess    = "p-FullAWSAccess"
	rcpFullAccess = "p-RCPFullAWSAccess"
)

// given is the policy of AWS that every root, unit and account has as soon as its type is enabled; "" if the type has none.
func (t PolicyType) given() string {
	switch t {
	case ServiceControlPolicy:
		return fullAccess
	case ResourceControlPolicy:
		return rcpFullAccess
	}
	return ""
}

// awsPolicies are the policies that AWS makes and keeps, by id.
func awsPolicies() []Policy {
	return []Policy{
		{ID: fullAccess, ARN: awsARN(ServiceControlPolicy, fullAccess), Name: "FullAWSAccess", Description: "Allows access to every operation", Type: ServiceControlPolicy,
			AWSManaged: true, Content: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`},
		{ID: rcpFullAccess, ARN: awsARN(ResourceControlPolicy, rcpFullAccess), Name: "RCPFullAWSAccess", Description: "Allows access to every resource",
			Type: ResourceControlPolicy, AWSManaged: true,
			Content: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`},
	}
}

// awsPolicy finds a policy of AWS; nil if id is none.
func awsPolicy(id string) *Policy {
	all := awsPolicies()
	if i := slices.IndexFunc(all, func(p Policy) bool { return p.ID == id }); i >= 0 {
		return &all[i]
	}
	return nil
}

func awsARN(t PolicyType, id string) string {
	r, _ := t.rules()
	return "arn:aws:organizations::aws:policy/" + r.kind + "/" + id
}
