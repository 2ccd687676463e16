-- +goose Up

-- The policies that an organization wrote; those of AWS have no row. type is the name of ORG-19.
CREATE TABLE org_policy (
	id TEXT NOT NULL PRIMARY KEY,
	organization TEXT NOT NULL,
	type TEXT NOT NULL,
	name TEXT NOT NULL,
	description TEXT NOT NULL,
	content TEXT NOT NULL,
	created BIGINT NOT NULL,
	updated BIGINT NOT NULL,
	UNIQUE (organization, type, name)
);
CREATE INDEX org_policy_organization ON org_policy (organization, type, id);

-- The policy types that are enabled in the one root of an organization.
CREATE TABLE org_policy_type (
	organization TEXT NOT NULL,
	type TEXT NOT NULL,
	PRIMARY KEY (organization, type)
);

-- What hangs where: target is a root, unit or account, policy one of the organization or of AWS.
CREATE TABLE org_attachment (
	target TEXT NOT NULL,
	type TEXT NOT NULL,
	policy TEXT NOT NULL,
	organization TEXT NOT NULL,
	PRIMARY KEY (target, type, policy)
);
CREATE INDEX org_attachment_policy ON org_attachment (organization, policy, target);

-- resource is a root, unit, account, policy or resource policy. Keys differ by case.
CREATE TABLE org_tag (
	organization TEXT NOT NULL,
	resource TEXT NOT NULL,
	name TEXT NOT NULL,
	value TEXT NOT NULL,
	PRIMARY KEY (organization, resource, name)
);

-- content has unique ids where the document named users and roles (IAMP-2.1).
CREATE TABLE org_resource_policy (
	organization TEXT NOT NULL PRIMARY KEY,
	id TEXT NOT NULL,
	content TEXT NOT NULL
);

CREATE TABLE org_service_access (
	organization TEXT NOT NULL,
	service TEXT NOT NULL,
	enabled BIGINT NOT NULL,
	PRIMARY KEY (organization, service)
);

CREATE TABLE org_delegation (
	organization TEXT NOT NULL,
	account TEXT NOT NULL,
	service TEXT NOT NULL,
	enabled BIGINT NOT NULL,
	PRIMARY KEY (organization, account, service)
);

-- +goose Down
DROP TABLE org_delegation;
DROP TABLE org_service_access;
DROP TABLE org_resource_policy;
DROP TABLE org_tag;
DROP TABLE org_attachment;
DROP TABLE org_policy_type;
DROP TABLE org_policy;
