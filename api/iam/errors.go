package iam

import (
	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/awswire"
)

// exceptions names the faults that this wire has names of its own for (IAM-11). Others are ServiceFailureException, a 500.
func exceptions() awswire.Table {
	return awswire.Table{
		fault.InvalidParameter: "ValidationError",
		fault.LimitExceeded:    "LimitExceededException",

		fault.NoSuchEntity:            "NoSuchEntityException",
		fault.EntityAlreadyExists:     "EntityAlreadyExistsException",
		fault.DeleteConflict:          "DeleteConflictException",
		fault.MalformedPolicyDocument: "MalformedPolicyDocumentException",
		fault.InvalidInput:            "InvalidInputException",
		fault.UnmodifiableEntity:      "UnmodifiableEntityException",
		fault.PolicyEvaluation:        "PolicyEvaluationException",
		fault.PasswordPolicyViolation: "PasswordPolicyViolationException",
		fault.InvalidUserType:         "InvalidUserTypeException",
	}
}
