-- +goose Up

-- An identity provider whose tokens an account trusts (STS-10). url is that of the issuer without "https://", as its ARN has it. thumbprints are hexadecimal,
-- with a space between them. Tags hang on the id, as those of every other thing do.
CREATE TABLE iam_oidc_provider (
	id TEXT NOT NULL PRIMARY KEY,
	account TEXT NOT NULL,
	url TEXT NOT NULL,
	thumbprints TEXT NOT NULL,
	created BIGINT NOT NULL,
	UNIQUE (account, url)
);

-- The client ids that a token may be made for, in the order in which they were given.
CREATE TABLE iam_oidc_client (
	provider TEXT NOT NULL,
	client TEXT NOT NULL,
	position BIGINT NOT NULL,
	PRIMARY KEY (provider, client)
);

-- +goose Down
DROP TABLE iam_oidc_client;
DROP TABLE iam_oidc_provider;
