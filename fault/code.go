package fault

// The conditions that berth reports, in the groups of Group.
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
	Throttled        Code = "Throttled"        // over a rate (API-80, HTTP-31)
	LimitExceeded    Code = "LimitExceeded"    // over a count or size quota (API-79)
	Unavailable      Code = "Unavailable"      // try again: database busy, disk full, shutting down (F09, F13)

	// Repositories.
	NameInvalid                  Code = "NameInvalid" // repository name outside the grammar (API-24, H02)
	RepositoryNotFound           Code = "RepositoryNotFound"
	RepositoryAlreadyExists      Code = "RepositoryAlreadyExists"
	RepositoryNotEmpty           Code = "RepositoryNotEmpty"
	RepositoryPolicyNotFound     Code = "RepositoryPolicyNotFound"
	RegistryPolicyNotFound       Code = "RegistryPolicyNotFound"
	SigningConfigurationNotFound Code = "SigningConfigurationNotFound"
	TemplateNotFound             Code = "TemplateNotFound"      // a repository creation template (REP-25)
	TemplateAlreadyExists        Code = "TemplateAlreadyExists" // for the same prefix (REP-25)
	ExclusionNotFound            Code = "ExclusionNotFound"     // from pull times (API-77)
	ExclusionAlreadyExists       Code = "ExclusionAlreadyExists"
	LifecyclePolicyNotFound      Code = "LifecyclePolicyNotFound" // (LC-11)
	PreviewNotFound              Code = "PreviewNotFound"         // of a lifecycle policy (LC-26)
	PreviewInProgress            Code = "PreviewInProgress"       // of a lifecycle policy (LC-25)
	InvalidTagParameter          Code = "InvalidTagParameter"     // a resource tag (not an image tag) is malformed (API-37)
	TooManyTags                  Code = "TooManyTags"
	EncryptionKeyUnusable        Code = "EncryptionKeyUnusable" // KmsException (API-36)

	// Images and layers.
	TagInvalid               Code = "TagInvalid"    // image tag outside the grammar (API-25, H04)
	DigestInvalid            Code = "DigestInvalid" // digest outside the grammar or of an algorithm not computed (API-25, H05, H06)
	RangeInvalid             Code = "RangeInvalid"  // a Range or Content-Range that cannot be met (H08, HTTP-22)
	SizeInvalid              Code = "SizeInvalid"   // announced and real length differ, or over a limit (H21)
	ImageNotFound            Code = "ImageNotFound"
	ImageArchived            Code = "ImageArchived"            // it cannot be pulled or scanned (LC-35)
	StorageClassNotSupported Code = "StorageClassNotSupported" // this image cannot be archived or restored (API-75)
	ImageAlreadyExists       Code = "ImageAlreadyExists"       // same digest and tag again (API-67)
	ImageTagAlreadyExists    Code = "ImageTagAlreadyExists"    // immutable tag (API-68)
	ImageDigestDoesNotMatch  Code = "ImageDigestDoesNotMatch"
	ImageReferenced          Code = "ImageReferenced" // it may not be deleted: the child of a stored index (API-73), or locked
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
	PolicyEvaluation        Code = "PolicyEvaluation"        // a stored policy cannot be evaluated (IAM-9)
	PasswordPolicyViolation Code = "PasswordPolicyViolation" // a new password is not what the account asks for
	InvalidUserType         Code = "InvalidUserType"         // only a user can do this, and the caller is none

	// Sessions, and the tokens of identity providers that they are made for (STS-10).
	PackedPolicyTooLarge        Code = "PackedPolicyTooLarge"
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

// Group is a family of codes. A door's table names those of the groups that its operations can meet, and a test of the door requires them.
type Group int

// The groups. Callers and Requests are met at every door.
const (
	Callers       Group = iota // who is calling
	Requests                   // what was asked, whatever it is about
	Repositories               // and registries
	Images                     // and their tags and layers
	Identities                 // users, groups, roles, policies, accounts
	Sessions                   // what STS makes of a role, a user or a token
	Organizations              // units, accounts in them, their policies and handshakes
)

// Codes lists the codes of some groups, and without one those of all: a code that is not in it is no code.
func Codes(groups ...Group) []Code {
	if len(groups) == 0 {
		groups = []Group{Callers, Requests, Repositories, Images, Identities, Sessions, Organizations}
	}
	var codes []Code
	for _, g := range groups {
		codes = append(codes, g.codes()...)
	}
	return codes
}

func (g Group) codes() []Code {
	switch g {
	case Callers:
		return []Code{
			MissingCredentials, MalformedSignature, SignatureMismatch, UnknownCredentials, ExpiredCredentials, AccessDenied,
		}
	case Requests:
		return []Code{
			MalformedRequest, UnknownOperation, MethodNotAllowed, InvalidParameter, Validation, Throttled, LimitExceeded, Unavailable,
		}
	case Repositories:
		return []Code{
			NameInvalid, RepositoryNotFound, RepositoryAlreadyExists, RepositoryNotEmpty, RepositoryPolicyNotFound, RegistryPolicyNotFound, SigningConfigurationNotFound,
			LifecyclePolicyNotFound, PreviewNotFound, PreviewInProgress,
			TemplateNotFound, TemplateAlreadyExists, ExclusionNotFound, ExclusionAlreadyExists, InvalidTagParameter, TooManyTags, EncryptionKeyUnusable,
		}
	case Images:
		return []Code{
			TagInvalid, DigestInvalid, RangeInvalid, SizeInvalid, ImageNotFound, ImageArchived, StorageClassNotSupported, ImageAlreadyExists, ImageTagAlreadyExists, ImageDigestDoesNotMatch,
			ImageReferenced, ManifestInvalid, ManifestTooLarge, MediaTypeUnsupported, LayersNotFound, ReferencedImagesNotFound, LayerNotFound,
			LayerInaccessible, LayerAlreadyExists, LayerPartTooSmall, InvalidLayerPart, InvalidLayer, EmptyUpload, UploadNotFound, UploadBusy,
		}
	case Identities:
		return []Code{
			NoSuchEntity, EntityAlreadyExists, DeleteConflict, MalformedPolicyDocument, InvalidInput, UnmodifiableEntity, PolicyEvaluation,
			PasswordPolicyViolation, InvalidUserType,
		}
	case Sessions:
		return []Code{
			PackedPolicyTooLarge, InvalidIdentityToken, ExpiredIdentityToken, RejectedIdentityToken, IdentityProviderUnreachable,
		}
	case Organizations:
		return []Code{
			AlreadyInOrganization, OrganizationsNotInUse, OrganizationNotEmpty, RootNotFound, OrganizationalUnitNotFound,
			OrganizationalUnitAlreadyExists, OrganizationalUnitNotEmpty, ParentNotFound, ChildNotFound, TargetNotFound, SourceParentNotFound,
			DestinationParentNotFound, AccountNotFound, AccountAlreadyThere, AccountAlreadyClosed, CreateAccountStatusNotFound,
			ManagementAccountCannotLeave, ConstraintViolation, HandshakeNotFound, HandshakeAlreadyExists, HandshakeAlreadyInState,
			InvalidHandshakeTransition, HandshakeConstraintViolation, PolicyNotFound, PolicyAlreadyExists, PolicyInUse, PolicyAlreadyAttached,
			PolicyNotAttached, PolicyTypeAlreadyEnabled, PolicyTypeNotEnabled, PolicyTypeNotAvailable, EffectivePolicyNotFound,
			AccountAlreadyRegistered, AccountNotRegistered, ResourcePolicyNotFound,
		}
	}
	return nil
}
