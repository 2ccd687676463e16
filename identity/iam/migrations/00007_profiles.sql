-- +goose Up

-- role is the one role of the profile (IAM-4), '' for none.
CREATE TABLE iam_instance_profile (
	id TEXT NOT NULL PRIMARY KEY,
	account TEXT NOT NULL,
	name TEXT NOT NULL,
	folded TEXT NOT NULL,
	path TEXT NOT NULL,
	role TEXT NOT NULL,
	created BIGINT NOT NULL,
	UNIQUE (account, folded)
);
CREATE INDEX iam_instance_profile_role ON iam_instance_profile (role, folded);

-- An attachment knows the account of its owner: what uses a policy of AWS in one account is found and counted without looking at the others.
CREATE TABLE iam_attachment_of_account (
	owner TEXT NOT NULL,
	policy TEXT NOT NULL,
	account TEXT NOT NULL,
	PRIMARY KEY (owner, policy)
);
INSERT INTO iam_attachment_of_account (owner, policy, account)
	SELECT a.owner, a.policy, COALESCE(u.account, r.account, g.account, '') FROM iam_attachment a
	LEFT JOIN iam_user u ON u.id = a.owner LEFT JOIN iam_role r ON r.id = a.owner LEFT JOIN iam_group g ON g.id = a.owner;
DROP TABLE iam_attachment;
ALTER TABLE iam_attachment_of_account RENAME TO iam_attachment;
CREATE INDEX iam_attachment_policy ON iam_attachment (policy, account, owner);

-- Whose boundary a policy is.
CREATE INDEX iam_user_boundary ON iam_user (account, boundary, id);
CREATE INDEX iam_role_boundary ON iam_role (account, boundary, id);

-- Lists of what is under a path.
CREATE INDEX iam_user_path ON iam_user (account, path, folded);
CREATE INDEX iam_group_path ON iam_group (account, path, folded);
CREATE INDEX iam_role_path ON iam_role (account, path, folded);
CREATE INDEX iam_policy_path ON iam_policy (account, path, folded);
CREATE INDEX iam_instance_profile_path ON iam_instance_profile (account, path, folded);

-- +goose Down
DROP INDEX iam_instance_profile_path;
DROP INDEX iam_policy_path;
DROP INDEX iam_role_path;
DROP INDEX iam_group_path;
DROP INDEX iam_user_path;
DROP INDEX iam_role_boundary;
DROP INDEX iam_user_boundary;
DROP INDEX iam_attachment_policy;
ALTER TABLE iam_attachment DROP COLUMN account;
CREATE INDEX iam_attachment_policy ON iam_attachment (policy);
DROP TABLE iam_instance_profile;
