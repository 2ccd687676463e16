-- +goose Up

-- generation is another number with each password: sessions that a password began name it, and end with it.
CREATE TABLE iam_login (
	owner TEXT NOT NULL PRIMARY KEY,
	hash TEXT NOT NULL,
	generation BIGINT NOT NULL,
	reset_required BOOLEAN NOT NULL,
	created BIGINT NOT NULL,
	changed BIGINT NOT NULL
);

-- Passwords that a user had before, to refuse them again.
CREATE TABLE iam_old_password (
	owner TEXT NOT NULL,
	generation BIGINT NOT NULL,
	hash TEXT NOT NULL,
	PRIMARY KEY (owner, generation)
);

-- The password policy of an account, as JSON; none has no row.
CREATE TABLE iam_password_policy (
	account TEXT NOT NULL PRIMARY KEY,
	policy TEXT NOT NULL
);

-- Sign-ins that did not succeed. subject is a hash of the user that was named, whether or not there is one, or of the address.
CREATE TABLE iam_sign_in_failure (
	subject TEXT NOT NULL PRIMARY KEY,
	failures BIGINT NOT NULL,
	locked_until BIGINT NOT NULL,
	at BIGINT NOT NULL
);
CREATE INDEX iam_sign_in_failure_at ON iam_sign_in_failure (at);

ALTER TABLE iam_user ADD COLUMN password_used BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE iam_user DROP COLUMN password_used;
DROP TABLE iam_sign_in_failure;
DROP TABLE iam_password_policy;
DROP TABLE iam_old_password;
DROP TABLE iam_login;
