-- +goose Up

-- Sessions are in their sealed tokens, not in rows. Those that were rows end: their holders ask for new ones.
DROP TABLE iam_session;

-- +goose Down
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
