package ecr

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/registry"
)

// tagPattern is the grammar of tags (API-25). The model allows more; nothing else can have been stored.
const tagPattern = "[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}"

// The reasons of failed image ids that are quoted from ECR, or worded like them (API-56).
const (
	reasonMissing  = "Invalid request parameters: both tag and digest cannot be null"
	reasonMismatch = "Requested image tag does not match the image digest"
	reasonDigest   = "Invalid request parameters: image digest should satisfy the regex '" + digestPattern + "'"
	reasonTag      = "Invalid request parameters: image tag should satisfy the regex '" + tagPattern + "'"
	reasonNotFound = "Requested image not found"
)

// readImageID reads one of the ids of a batch. One that names no image that could exist comes back as the failure that the answer lists, in which the id
// stands as it was given (API-56, H50).
func readImageID(id types.ImageIdentifier) (registry.Reference, *types.ImageFailure) {
	digest, tag := aws.ToString(id.ImageDigest), aws.ToString(id.ImageTag)
	switch {
	case digest == "" && tag == "":
		return registry.Reference{}, failure(id, types.ImageFailureCodeMissingDigestAndTag, reasonMissing)
	case digest != "" && !hasDigestShape(digest):
		return registry.Reference{}, failure(id, types.ImageFailureCodeInvalidImageDigest, reasonDigest)
	case tag != "" && oci.CheckTag(tag) != nil:
		return registry.Reference{}, failure(id, types.ImageFailureCodeInvalidImageTag, reasonTag)
	}
	ref := registry.Reference{Tag: tag}
	if digest != "" {
		d, err := oci.ParseDigest(digest)
		if err != nil { // of an algorithm that nothing here is stored under
			return registry.Reference{}, failure(id, types.ImageFailureCodeImageNotFound, reasonNotFound)
		}
		ref.Digest = d
	}
	return ref, nil
}

// readImageIDs are the ids of a batch that could name images.
func readImageIDs(ids []types.ImageIdentifier) []registry.Reference {
	refs := make([]registry.Reference, 0, len(ids))
	for _, id := range ids {
		if ref, failed := readImageID(id); failed == nil {
			refs = append(refs, ref)
		}
	}
	return refs
}

// mustImageID reads an id where a single one that is no id spoils the call. Its fault is InvalidParameter. A digest of another algorithm than sha256 goes
// on to the registry, which says in its own words that there is no such image.
func mustImageID(id types.ImageIdentifier) (registry.Reference, error) {
	digest, tag := aws.ToString(id.ImageDigest), aws.ToString(id.ImageTag)
	switch {
	case digest == "" && tag == "":
		return registry.Reference{}, invalidParameter("imageIds", "both tag and digest cannot be null")
	case digest != "" && !hasDigestShape(digest):
		return registry.Reference{}, invalidParameter("imageDigest", "must satisfy regular expression '"+digestPattern+"'")
	}
	return registry.Reference{Digest: oci.Digest(digest), Tag: tag}, nil
}

func failure(id types.ImageIdentifier, code types.ImageFailureCode, reason string) *types.ImageFailure {
	return &types.ImageFailure{ImageId: &id, FailureCode: code, FailureReason: aws.String(reason)}
}

// showImageID is an image's id in an answer: what is "" is left out (API-3).
func showImageID(d oci.Digest, tag string) *types.ImageIdentifier {
	id := &types.ImageIdentifier{}
	if d != "" {
		id.ImageDigest = aws.String(string(d))
	}
	if tag != "" {
		id.ImageTag = aws.String(tag)
	}
	return id
}
