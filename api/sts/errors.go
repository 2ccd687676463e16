package sts

import (
	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/awswire"
)

// exceptions names every fault on this wire (STS-8, API-21, STS-3, STS-4). InternalFailure is a 500: it stands for what only another door can cause.
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
		fault.Unavailable:      "ServiceUnavailable",

		fault.MalformedPolicyDocument: "MalformedPolicyDocumentException",
		fault.PackedPolicyTooLarge:    "PackedPolicyTooLargeException",
		fault.InvalidInput:            "InvalidParameterValue",

		fault.NoSuchEntity: "InvalidAuthorizationMessageException",

		fault.InvalidIdentityToken:        "InvalidIdentityTokenException", // STS-10
		fault.ExpiredIdentityToken:        "ExpiredTokenException",
		fault.RejectedIdentityToken:       "IDPRejectedClaimException",
		fault.IdentityProviderUnreachable: "IDPCommunicationErrorException",
	}
	for _, code := range fault.Codes() {
		if t[code] == "" {
			t[code] = "InternalFailure"
		}
	}
	return t
}
