package organizations

import (
	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/awswire"
)

// exceptions names the faults that this wire has names of its own for (ORG-10 to ORG-20, API-5). Others are ServiceException, a 500.
func exceptions() awswire.Table {
	return awswire.Table{
		fault.InvalidParameter: "InvalidInputException",
		fault.Validation:       "InvalidInputException",
		fault.InvalidInput:     "InvalidInputException",
		fault.Throttled:        "TooManyRequestsException",
		fault.LimitExceeded:    "ConstraintViolationException",
		fault.Unavailable:      "ConcurrentModificationException", // the SDKs try it again (ORG-26)

		fault.AlreadyInOrganization:           "AlreadyInOrganizationException",
		fault.OrganizationsNotInUse:           "AWSOrganizationsNotInUseException",
		fault.OrganizationNotEmpty:            "OrganizationNotEmptyException",
		fault.RootNotFound:                    "RootNotFoundException",
		fault.OrganizationalUnitNotFound:      "OrganizationalUnitNotFoundException",
		fault.OrganizationalUnitAlreadyExists: "DuplicateOrganizationalUnitException",
		fault.OrganizationalUnitNotEmpty:      "OrganizationalUnitNotEmptyException",
		fault.ParentNotFound:                  "ParentNotFoundException",
		fault.ChildNotFound:                   "ChildNotFoundException",
		fault.TargetNotFound:                  "TargetNotFoundException",
		fault.SourceParentNotFound:            "SourceParentNotFoundException",
		fault.DestinationParentNotFound:       "DestinationParentNotFoundException",
		fault.AccountNotFound:                 "AccountNotFoundException",
		fault.AccountAlreadyThere:             "DuplicateAccountException",
		fault.AccountAlreadyClosed:            "AccountAlreadyClosedException",
		fault.CreateAccountStatusNotFound:     "CreateAccountStatusNotFoundException",
		fault.ManagementAccountCannotLeave:    "MasterCannotLeaveOrganizationException",
		fault.ConstraintViolation:             "ConstraintViolationException",
		fault.HandshakeNotFound:               "HandshakeNotFoundException",
		fault.HandshakeAlreadyExists:          "DuplicateHandshakeException",
		fault.HandshakeAlreadyInState:         "HandshakeAlreadyInStateException",
		fault.InvalidHandshakeTransition:      "InvalidHandshakeTransitionException",
		fault.HandshakeConstraintViolation:    "HandshakeConstraintViolationException",

		fault.PolicyNotFound:           "PolicyNotFoundException",
		fault.PolicyAlreadyExists:      "DuplicatePolicyException",
		fault.PolicyInUse:              "PolicyInUseException",
		fault.PolicyAlreadyAttached:    "DuplicatePolicyAttachmentException",
		fault.PolicyNotAttached:        "PolicyNotAttachedException",
		fault.PolicyTypeAlreadyEnabled: "PolicyTypeAlreadyEnabledException",
		fault.PolicyTypeNotEnabled:     "PolicyTypeNotEnabledException",
		fault.PolicyTypeNotAvailable:   "PolicyTypeNotAvailableForOrganizationException",
		fault.EffectivePolicyNotFound:  "EffectivePolicyNotFoundException",
		fault.MalformedPolicyDocument:  "MalformedPolicyDocumentException",
		fault.AccountAlreadyRegistered: "AccountAlreadyRegisteredException",
		fault.AccountNotRegistered:     "AccountNotRegisteredException",
		fault.ResourcePolicyNotFound:   "ResourcePolicyNotFoundException",
	}
}
