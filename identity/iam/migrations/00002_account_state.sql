-- +goose Up

-- Every account has an address of its own (ORG-13); one that was made without gets one in a domain that will never exist.
ALTER TABLE iam_account ADD COLUMN email TEXT NOT NULL DEFAULT '';
ALTER TABLE iam_account ADD COLUMN state TEXT NOT NULL DEFAULT 'ACTIVE';
UPDATE iam_account SET email = id || '@account.invalid';
CREATE UNIQUE INDEX iam_account_email ON iam_account (LOWER(email));
CREATE INDEX iam_account_created ON iam_account (created);

-- +goose Down
DROP INDEX iam_account_created;
DROP INDEX iam_account_email;
ALTER TABLE iam_account DROP COLUMN state;
ALTER TABLE iam_account DROP COLUMN email;
