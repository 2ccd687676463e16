-- +goose Up

-- Names are unique without regard to case (IAM-3): "folded" is the name in lower case. Every reference between rows is by the unique id, which is
-- never given twice, so that what is deleted and made again under the same name inherits nothing (H102). Times are microseconds since 1970, UTC.

CREATE TABLE iam_account (
	id TEXT NOT NULL PRIMARY KEY,
	name TEXT NOT NULL,
	alias TEXT UNIQUE,
	created BIGINT NOT NULL
);

CREATE TABLE iam_user (
	id TEXT NOT NULL PRIMARY KEY,
	account TEXT NOT NULL,
	name TEXT NOT NULL,
	folded TEXT NOT NULL,
	path TEXT NOT NULL,
	boundary TEXT NOT NULL,
	created BIGINT NOT NULL,
	UNIQUE (account, folded)
);

CREATE TABLE iam_group (
	id TEXT NOT NULL PRIMARY KEY,
	account TEXT NOT NULL,
	name TEXT NOT NULL,
	folded TEXT NOT NULL,
	path TEXT NOT NULL,
	created BIGINT NOT NULL,
	UNIQUE (account, folded)
);

CREATE TABLE iam_membership (
	user_id TEXT NOT NULL,
	group_id TEXT NOT NULL,
	PRIMARY KEY (user_id, group_id)
);
CREATE INDEX iam_membership_group ON iam_membership (group_id);

-- trust holds unique ids where the document named users and roles (IAMP-2.1).
CREATE TABLE iam_role (
	id TEXT NOT NULL PRIMARY KEY,
	account TEXT NOT NULL,
	name TEXT NOT NULL,
	folded TEXT NOT NULL,
	path TEXT NOT NULL,
	boundary TEXT NOT NULL,
	trust TEXT NOT NULL,
	description TEXT NOT NULL,
	max_session BIGINT NOT NULL,
	created BIGINT NOT NULL,
	UNIQUE (account, folded)
);

CREATE TABLE iam_policy (
	id TEXT NOT NULL PRIMARY KEY,
	account TEXT NOT NULL,
	name TEXT NOT NULL,
	folded TEXT NOT NULL,
	path TEXT NOT NULL,
	description TEXT NOT NULL,
	current_version BIGINT NOT NULL,
	last_version BIGINT NOT NULL,
	created BIGINT NOT NULL,
	updated BIGINT NOT NULL,
	UNIQUE (account, folded)
);

CREATE TABLE iam_policy_version (
	policy TEXT NOT NULL,
	version BIGINT NOT NULL,
	document TEXT NOT NULL,
	created BIGINT NOT NULL,
	PRIMARY KEY (policy, version)
);

-- owner is a user, role or group; policy is the id of a managed policy, of the account or of AWS.
CREATE TABLE iam_attachment (
	owner TEXT NOT NULL,
	policy TEXT NOT NULL,
	PRIMARY KEY (owner, policy)
);
CREATE INDEX iam_attachment_policy ON iam_attachment (policy);

CREATE TABLE iam_inline (
	owner TEXT NOT NULL,
	name TEXT NOT NULL,
	document TEXT NOT NULL,
	PRIMARY KEY (owner, name)
);

-- owner is a user, role or policy. Keys of tags are unique without regard to case.
CREATE TABLE iam_tag (
	owner TEXT NOT NULL,
	folded TEXT NOT NULL,
	name TEXT NOT NULL,
	value TEXT NOT NULL,
	PRIMARY KEY (owner, folded)
);

-- owner is a user, or the account itself for a key of its root user. secret is sealed.
CREATE TABLE iam_access_key (
	id TEXT NOT NULL PRIMARY KEY,
	account TEXT NOT NULL,
	owner TEXT NOT NULL,
	secret BYTEA NOT NULL,
	active BOOLEAN NOT NULL,
	created BIGINT NOT NULL,
	used BIGINT NOT NULL,
	used_service TEXT NOT NULL,
	used_region TEXT NOT NULL
);
CREATE INDEX iam_access_key_owner ON iam_access_key (owner);

-- owner is a role (AssumeRole), a user or the account itself (GetSessionToken, whose access key is "issuer": the session ends with it).
-- token is the SHA-256 of the session token; details is the JSON of the session's policies and tags.
CREATE TABLE iam_session (
	id TEXT NOT NULL PRIMARY KEY,
	account TEXT NOT NULL,
	owner TEXT NOT NULL,
	issuer TEXT NOT NULL,
	name TEXT NOT NULL,
	source_identity TEXT NOT NULL,
	secret BYTEA NOT NULL,
	token BYTEA NOT NULL,
	details TEXT NOT NULL,
	issued BIGINT NOT NULL,
	expires BIGINT NOT NULL
);
CREATE INDEX iam_session_owner ON iam_session (owner);
CREATE INDEX iam_session_expires ON iam_session (expires);

-- The AES-256 keys that seal the secrets above and registry passwords; the newest seals, all open.
CREATE TABLE iam_sealing_key (
	id BIGINT NOT NULL PRIMARY KEY,
	secret BYTEA NOT NULL,
	created BIGINT NOT NULL
);

-- +goose Down
DROP TABLE iam_sealing_key;
DROP TABLE iam_session;
DROP TABLE iam_access_key;
DROP TABLE iam_tag;
DROP TABLE iam_inline;
DROP TABLE iam_attachment;
DROP TABLE iam_policy_version;
DROP TABLE iam_policy;
DROP TABLE iam_role;
DROP TABLE iam_membership;
DROP TABLE iam_group;
DROP TABLE iam_user;
DROP TABLE iam_account;
