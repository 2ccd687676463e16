package iam

import (
	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/awswire"
)

// exceptions names every fault on this wire (IAM-11, API-21, STS-3, STS-4). ServiceFailureException is a 500: it stands for what only another door can cause.
func exceptions() awswire.Table {
	t := awswire.Table{
		fault.MissingCredentials: "MissingAuthenticationToken",
		fault.MalformedSignature: "IncompleteSignature",
		fault.SignatureMismatch:  "SignatureDoesNotMatch",
		fault.UnknownCredentials: "InvalidClientTokenId",
		fault.ExpiredCredentials: "ExpiredToken",
		fault.AccessDenied:       "AccessDenied",

		fault.MalformedRequest: "MalformedQueryString",
		fault.UnknownOperation: "InvalidAction",
		fault.MethodNotAllowed: "InvalidAction",
		fault.InvalidParameter: "ValidationError",
		fault.Validation:       "ValidationError",
		fault.Throttled:        "Throttling",
		fault.LimitExceeded:    "LimitExceededException",
		fault.Unavailable:      "ServiceUnavailable",

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
	for _, code := range fault.Codes() {
		if t[code] == "" {
			t[code] = "ServiceFailureException"
		}
	}
	return t
}
