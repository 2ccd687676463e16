-- +goose Up

-- Times are microseconds since 1970, UTC. Ids are those of ORG-2.

CREATE TABLE org_organization (
	id TEXT NOT NULL PRIMARY KEY,
	management TEXT NOT NULL UNIQUE,
	root TEXT NOT NULL UNIQUE,
	features TEXT NOT NULL,
	created BIGINT NOT NULL
);

-- A node is a root or an organizational unit. parent is the organization itself for a root. path is the way from the root to the node, "o-…/r-…/ou-…/"
-- (ORG-5): units do not move, so it stays as it was made.
CREATE TABLE org_node (
	id TEXT NOT NULL PRIMARY KEY,
	organization TEXT NOT NULL,
	parent TEXT NOT NULL,
	path TEXT NOT NULL,
	name TEXT NOT NULL,
	created BIGINT NOT NULL,
	UNIQUE (parent, name)
);
CREATE INDEX org_node_organization ON org_node (organization);
CREATE INDEX org_node_parent ON org_node (parent, id);

-- The accounts of an organization, its management account among them. An account is in one organization at most.
CREATE TABLE org_account (
	account TEXT NOT NULL PRIMARY KEY,
	organization TEXT NOT NULL,
	parent TEXT NOT NULL,
	method TEXT NOT NULL,
	joined BIGINT NOT NULL
);
CREATE INDEX org_account_organization ON org_account (organization, account);
CREATE INDEX org_account_parent ON org_account (parent, account);

-- Requests to make an account. account is empty unless it was made, reason unless it failed.
CREATE TABLE org_creation (
	id TEXT NOT NULL PRIMARY KEY,
	organization TEXT NOT NULL,
	account TEXT NOT NULL,
	name TEXT NOT NULL,
	state TEXT NOT NULL,
	reason TEXT NOT NULL,
	requested BIGINT NOT NULL,
	completed BIGINT NOT NULL
);
CREATE INDEX org_creation_organization ON org_creation (organization, id);

-- Invitations. target is as the inviter wrote it, an account or an address of kind ACCOUNT or EMAIL; account is whom it means. An open handshake ends by itself
-- at expires: the state of the row stays OPEN then.
CREATE TABLE org_handshake (
	id TEXT NOT NULL PRIMARY KEY,
	organization TEXT NOT NULL,
	management TEXT NOT NULL,
	account TEXT NOT NULL,
	kind TEXT NOT NULL,
	target TEXT NOT NULL,
	notes TEXT NOT NULL,
	state TEXT NOT NULL,
	requested BIGINT NOT NULL,
	expires BIGINT NOT NULL
);
CREATE INDEX org_handshake_organization ON org_handshake (organization, id);
CREATE INDEX org_handshake_account ON org_handshake (account, id);

-- +goose Down
DROP TABLE org_handshake;
DROP TABLE org_creation;
DROP TABLE org_account;
DROP TABLE org_node;
DROP TABLE org_organization;
