package fault

// The conditions that berth reports. A door's table names each on its own wire; a test walks Codes through every table.
const (
	// Who is calling.
	MissingCredentials Code = "MissingCredentials" // nothing was presented (API-16, HTTP-5)
	MalformedSignature Code = "MalformedSignature" // the Authorization header or presigned query cannot be read (API-17)
	SignatureMismatch  Code = "SignatureMismatch"  // wrong signature, scope or time (API-18..20)
	UnknownCredentials Code = "UnknownCredentials" // key or session token unknown, inactive, or not belonging together (API-14, API-15)
	ExpiredCredentials Code = "ExpiredCredentials" // the session is over (API-14, HTTP-6)
	AccessDenied       Code = "AccessDenied"       // known caller, not allowed; Detail is the decision (API-28, HTTP-8)

	// What was asked.
	MalformedRequest Code = "MalformedRequest" // body or query cannot be decoded (API-5, H54, H56)
	UnknownOperation Code = "UnknownOperation" // no such operation, or not served here (API-5, H51)
	MethodNotAllowed Code = "MethodNotAllowed" // this resource has no such method (H11, H33)
	InvalidParameter Code = "InvalidParameter" // a value breaks its constraint (API-8, API-9)
	Validation       Code = "Validation"       // a semantic rule of an operation that models ValidationException (API-9)
	NameInvalid      Code = "NameInvalid"      // repository name outside the grammar (API-24, H02)
	TagInvalid       Code = "TagInvalid"       // image tag outside the grammar (API-25, H04)
	DigestInvalid    Code = "DigestInvalid"    // digest outside the grammar or of an algorithm not computed (API-25, H05, H06)
	RangeInvalid     Code = "RangeInvalid"     // a Range or Content-Range that cannot be met (H08, HTTP-22)
	SizeInvalid      Code = "SizeInvalid"      // announced and real length differ, or over a limit (H21)
	Throttled        Code = "Throttled"        // over a rate (API-80, HTTP-31)
	LimitExceeded    Code = "LimitExceeded"    // over a count or size quota (API-79)
	Unavailable      Code = "Unavailable"      // try again: database busy, disk full, shutting down (F09, F13)

	// Repositories.
	RepositoryNotFound       Code = "RepositoryNotFound"
	RepositoryAlreadyExists  Code = "RepositoryAlreadyExists"
	RepositoryNotEmpty       Code = "RepositoryNotEmpty"
	RepositoryPolicyNotFound Code = "RepositoryPolicyNotFound"
	RegistryPolicyNotFound   Code = "RegistryPolicyNotFound"
	InvalidTagParameter      Code = "InvalidTagParameter" // a resource tag (not an image tag) is malformed (API-37)
	TooManyTags              Code = "TooManyTags"
	EncryptionKeyUnusable    Code = "EncryptionKeyUnusable" // KmsException (API-36)

	// Images and layers.
	ImageNotFound            Code = "ImageNotFound"
	ImageAlreadyExists       Code = "ImageAlreadyExists"    // same digest and tag again (API-67)
	ImageTagAlreadyExists    Code = "ImageTagAlreadyExists" // immutable tag (API-68)
	ImageDigestDoesNotMatch  Code = "ImageDigestDoesNotMatch"
	ImageReferenced          Code = "ImageReferenced" // child of a stored index (API-73)
	ManifestInvalid          Code = "ManifestInvalid"
	ManifestTooLarge         Code = "ManifestTooLarge"
	MediaTypeUnsupported     Code = "MediaTypeUnsupported"
	LayersNotFound           Code = "LayersNotFound"           // a manifest names blobs that the repository does not hold (API-66)
	ReferencedImagesNotFound Code = "ReferencedImagesNotFound" // an index names children that are not there (API-66)
	LayerNotFound            Code = "LayerNotFound"            // this one blob is not in the repository (HTTP-18)
	LayerInaccessible        Code = "LayerInaccessible"        // stored, but no image refers to it (API-58)
	LayerAlreadyExists       Code = "LayerAlreadyExists"
	LayerPartTooSmall        Code = "LayerPartTooSmall"
	InvalidLayerPart         Code = "InvalidLayerPart" // Detail is LayerPart
	InvalidLayer             Code = "InvalidLayer"     // content does not have the digest that was named (API-62)
	EmptyUpload              Code = "EmptyUpload"
	UploadNotFound           Code = "UploadNotFound"
	UploadBusy               Code = "UploadBusy" // another request is writing to the same upload (H23)

	// Identities.
	NoSuchEntity            Code = "NoSuchEntity"
	EntityAlreadyExists     Code = "EntityAlreadyExists"
	DeleteConflict          Code = "DeleteConflict"
	MalformedPolicyDocument Code = "MalformedPolicyDocument"
	InvalidInput            Code = "InvalidInput"
	UnmodifiableEntity      Code = "UnmodifiableEntity"
	PackedPolicyTooLarge    Code = "PackedPolicyTooLarge"
	PolicyEvaluation        Code = "PolicyEvaluation"        // a stored policy cannot be evaluated (IAM-9)
	PasswordPolicyViolation Code = "PasswordPolicyViolation" // a new password is not what the account asks for
	InvalidUserType         Code = "InvalidUserType"         // only a user can do this, and the caller is none

	// Tokens of identity providers (STS-10).
	InvalidIdentityToken        Code = "InvalidIdentityToken"        // no token, of nobody known, for somebody else, or not signed by whom it names
	ExpiredIdentityToken        Code = "ExpiredIdentityToken"        // its time is over: a new one helps
	RejectedIdentityToken       Code = "RejectedIdentityToken"       // its time has not come
	IdentityProviderUnreachable Code = "IdentityProviderUnreachable" // its provider does not answer: trying again may help

	// Organizations.
	AlreadyInOrganization           Code = "AlreadyInOrganization"
	OrganizationsNotInUse           Code = "OrganizationsNotInUse" // the caller's account is in no organization (ORG-10)
	OrganizationNotEmpty            Code = "OrganizationNotEmpty"
	RootNotFound                    Code = "RootNotFound"
	OrganizationalUnitNotFound      Code = "OrganizationalUnitNotFound"
	OrganizationalUnitAlreadyExists Code = "OrganizationalUnitAlreadyExists" // same name under the same parent (ORG-12)
	OrganizationalUnitNotEmpty      Code = "OrganizationalUnitNotEmpty"
	ParentNotFound                  Code = "ParentNotFound"
	ChildNotFound                   Code = "ChildNotFound"
	TargetNotFound                  Code = "TargetNotFound" // what a policy or tag should hang on (ORG-20)
	SourceParentNotFound            Code = "SourceParentNotFound"
	DestinationParentNotFound       Code = "DestinationParentNotFound"
	AccountNotFound                 Code = "AccountNotFound"
	AccountAlreadyThere             Code = "AccountAlreadyThere" // at the destination of a move (ORG-15)
	AccountAlreadyClosed            Code = "AccountAlreadyClosed"
	CreateAccountStatusNotFound     Code = "CreateAccountStatusNotFound"
	ManagementAccountCannotLeave    Code = "ManagementAccountCannotLeave"
	ConstraintViolation             Code = "ConstraintViolation" // Detail is Reason (ORG-20)
	HandshakeNotFound               Code = "HandshakeNotFound"
	HandshakeAlreadyExists          Code = "HandshakeAlreadyExists"
	HandshakeAlreadyInState         Code = "HandshakeAlreadyInState"
	InvalidHandshakeTransition      Code = "InvalidHandshakeTransition"
	HandshakeConstraintViolation    Code = "HandshakeConstraintViolation" // Detail is Reason
	PolicyNotFound                  Code = "PolicyNotFound"
	PolicyAlreadyExists             Code = "PolicyAlreadyExists"
	PolicyInUse                     Code = "PolicyInUse"
	PolicyAlreadyAttached           Code = "PolicyAlreadyAttached"
	PolicyNotAttached               Code = "PolicyNotAttached"
	PolicyTypeAlreadyEnabled        Code = "PolicyTypeAlreadyEnabled"
	PolicyTypeNotEnabled            Code = "PolicyTypeNotEnabled"
	PolicyTypeNotAvailable          Code = "PolicyTypeNotAvailable" // the organization has not all features
	EffectivePolicyNotFound         Code = "EffectivePolicyNotFound"
	AccountAlreadyRegistered        Code = "AccountAlreadyRegistered" // as delegated administrator (ORG-22)
	AccountNotRegistered            Code = "AccountNotRegistered"
	ResourcePolicyNotFound          Code = "ResourcePolicyNotFound"
)

// Codes lists every code, so that a test can walk each through each door's table.
func Codes() []Code {
	return []Code{
		MissingCredentials, MalformedSignature, SignatureMismatch, UnknownCredentials, ExpiredCredentials, AccessDenied,
		MalformedRequest, UnknownOperation, MethodNotAllowed, InvalidParameter, Validation, NameInvalid, TagInvalid, DigestInvalid,
		RangeInvalid, SizeInvalid, Throttled, LimitExceeded, Unavailable,
		RepositoryNotFound, RepositoryAlreadyExists, RepositoryNotEmpty, RepositoryPolicyNotFound, RegistryPolicyNotFound,
		InvalidTagParameter, TooManyTags, EncryptionKeyUnusable,
		ImageNotFound, ImageAlreadyExists, ImageTagAlreadyExists, ImageDigestDoesNotMatch, ImageReferenced, ManifestInvalid,
		ManifestTooLarge, MediaTypeUnsupported, LayersNotFound, ReferencedImagesNotFound, LayerNotFound, LayerInaccessible,
		LayerAlreadyExists, LayerPartTooSmall, InvalidLayerPart, InvalidLayer, EmptyUpload, UploadNotFound, UploadBusy,
		NoSuchEntity, EntityAlreadyExists, DeleteConflict, MalformedPolicyDocument, InvalidInput, UnmodifiableEntity, PackedPolicyTooLarge, PolicyEvaluation,
		PasswordPolicyViolation, InvalidUserType,
		InvalidIdentityToken, ExpiredIdentityToken, RejectedIdentityToken, IdentityProviderUnreachable,
		AlreadyInOrganization, OrganizationsNotInUse, OrganizationNotEmpty, RootNotFound, OrganizationalUnitNotFound, OrganizationalUnitAlreadyExists,
		OrganizationalUnitNotEmpty, ParentNotFound, ChildNotFound, TargetNotFound, SourceParentNotFound, DestinationParentNotFound, AccountNotFound,
		AccountAlreadyThere, AccountAlreadyClosed, CreateAccountStatusNotFound, ManagementAccountCannotLeave, ConstraintViolation, HandshakeNotFound,
		HandshakeAlreadyExists, HandshakeAlreadyInState, InvalidHandshakeTransition, HandshakeConstraintViolation, PolicyNotFound, PolicyAlreadyExists,
		PolicyInUse, PolicyAlreadyAttached, PolicyNotAttached, PolicyTypeAlreadyEnabled, PolicyTypeNotEnabled, PolicyTypeNotAvailable,
		EffectivePolicyNotFound, AccountAlreadyRegistered, AccountNotRegistered, ResourcePolicyNotFound,
	}
}
