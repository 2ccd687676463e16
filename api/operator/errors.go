package operator

import (
	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/awswire"
)

// exceptions names the faults that this wire has names of its own for (API-5). Others are InternalFailure, a 500.
func exceptions() awswire.Table {
	return awswire.Table{
		fault.EntityAlreadyExists: "EntityAlreadyExistsException",
		fault.NoSuchEntity:        "NoSuchEntityException",
		fault.InvalidInput:        "InvalidInputException",
		fault.InvalidParameter:    "InvalidInputException",
		fault.NameInvalid:         "InvalidInputException",
		fault.TagInvalid:          "InvalidInputException",
		fault.DigestInvalid:       "InvalidInputException",
		fault.RepositoryNotFound:  "RepositoryNotFoundException",
		fault.ImageNotFound:       "ImageNotFoundException",
		fault.LimitExceeded:       "LimitExceededException",

		fault.LifecyclePolicyNotFound: "LifecyclePolicyNotFoundException",

		// A removed image that cannot come back, as what it needs is there no more.
		fault.LayersNotFound:           "InvalidInputException",
		fault.ReferencedImagesNotFound: "InvalidInputException",

		fault.PasswordPolicyViolation: "PasswordPolicyViolationException",
	}
}
