package sts

import (
	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/awswire"
)

// exceptions names the faults that this wire has names of its own for (STS-8, STS-10). Others are InternalFailure, a 500.
func exceptions() awswire.Table {
	return awswire.Table{
		fault.InvalidParameter: "ValidationError",

		fault.MalformedPolicyDocument: "MalformedPolicyDocumentException",
		fault.PackedPolicyTooLarge:    "PackedPolicyTooLargeException",
		fault.InvalidInput:            "InvalidParameterValue",

		fault.NoSuchEntity: "InvalidAuthorizationMessageException",

		fault.InvalidIdentityToken:        "InvalidIdentityTokenException", // STS-10
		fault.ExpiredIdentityToken:        "ExpiredTokenException",
		fault.RejectedIdentityToken:       "IDPRejectedClaimException",
		fault.IdentityProviderUnreachable: "IDPCommunicationErrorException",
	}
}
