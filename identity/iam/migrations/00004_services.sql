-- +goose Up

-- Service principals. Their access keys are in iam_access_key, with a number of thirteen digits where others have their account.
CREATE TABLE iam_service (
	id TEXT NOT NULL PRIMARY KEY,
	name TEXT NOT NULL UNIQUE,
	created BIGINT NOT NULL
);

-- +goose Down
DELETE FROM iam_access_key WHERE account = '1000000000000';
DROP TABLE iam_service;
