package ecr

import (
	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/lang/awswire"
)

// exceptions names the faults that this wire has names of its own for (API-4, API-5). All are HTTP 400 but ServerException, which is 500: it stands for
// what only another door can cause, and for "try again", which the SDKs do by themselves after a 500.
func exceptions() awswire.Table {
	return awswire.Table{
		fault.NameInvalid:   "InvalidParameterException",
		fault.TagInvalid:    "InvalidParameterException",
		fault.DigestInvalid: "InvalidParameterException",
		fault.RangeInvalid:  "InvalidParameterException",
		fault.SizeInvalid:   "InvalidParameterException",
		fault.Unavailable:   "ServerException",

		fault.RepositoryNotFound:           "RepositoryNotFoundException",
		fault.RepositoryAlreadyExists:      "RepositoryAlreadyExistsException",
		fault.RepositoryNotEmpty:           "RepositoryNotEmptyException",
		fault.RepositoryPolicyNotFound:     "RepositoryPolicyNotFoundException",
		fault.RegistryPolicyNotFound:       "RegistryPolicyNotFoundException",
		fault.SigningConfigurationNotFound: "SigningConfigurationNotFoundException",
		fault.TemplateNotFound:             "TemplateNotFoundException",
		fault.TemplateAlreadyExists:        "TemplateAlreadyExistsException",
		fault.ExclusionNotFound:            "ExclusionNotFoundException",
		fault.ExclusionAlreadyExists:       "ExclusionAlreadyExistsException",
		fault.LifecyclePolicyNotFound:      "LifecyclePolicyNotFoundException",
		fault.PreviewNotFound:              "LifecyclePolicyPreviewNotFoundException",
		fault.PreviewInProgress:            "LifecyclePolicyPreviewInProgressException",
		fault.InvalidTagParameter:          "InvalidTagParameterException",
		fault.TooManyTags:                  "TooManyTagsException",
		fault.EncryptionKeyUnusable:        "KmsException",

		fault.ImageNotFound:            "ImageNotFoundException",
		fault.ImageArchived:            "ImageArchivedException",
		fault.StorageClassNotSupported: "ImageStorageClassUpdateNotSupportedException",
		fault.ImageAlreadyExists:       "ImageAlreadyExistsException",
		fault.ImageTagAlreadyExists:    "ImageTagAlreadyExistsException",
		fault.ImageDigestDoesNotMatch:  "ImageDigestDoesNotMatchException",
		fault.ImageReferenced:          "InvalidParameterException",
		fault.ManifestInvalid:          "InvalidParameterException",
		fault.ManifestTooLarge:         "InvalidParameterException",
		fault.MediaTypeUnsupported:     "InvalidParameterException",
		fault.LayersNotFound:           "LayersNotFoundException",
		fault.ReferencedImagesNotFound: "ReferencedImagesNotFoundException",
		fault.LayerNotFound:            "LayersNotFoundException",
		fault.LayerInaccessible:        "LayerInaccessibleException",
		fault.LayerAlreadyExists:       "LayerAlreadyExistsException",
		fault.LayerPartTooSmall:        "LayerPartTooSmallException",
		fault.InvalidLayerPart:         "InvalidLayerPartException",
		fault.InvalidLayer:             "InvalidLayerException",
		fault.EmptyUpload:              "EmptyUploadException",
		fault.UploadNotFound:           "UploadNotFoundException",
		// The SDKs wait and try again; by then the other writer is done and the part is refused or taken by its offset (H23).
		fault.UploadBusy: "ThrottlingException",
	}
}
