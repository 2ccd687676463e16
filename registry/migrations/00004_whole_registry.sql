-- +goose Up
-- What holds for the whole registry of an account in one region.

CREATE TABLE registry_policy (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  policy TEXT NOT NULL,               -- principals as unique ids
  PRIMARY KEY (account, region)
);

CREATE TABLE creation_template (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  prefix TEXT NOT NULL,               -- without a slash at its end, or ROOT
  written TEXT NOT NULL,              -- the prefix as it was given
  description TEXT NOT NULL,
  encryption TEXT NOT NULL,
  kms_key TEXT NOT NULL,
  tags TEXT NOT NULL,                 -- JSON list of resource tags
  mutability TEXT NOT NULL,
  exclusions TEXT NOT NULL,           -- JSON list of wildcard filters
  policy TEXT NOT NULL,               -- principals as unique ids; empty without
  lifecycle TEXT NOT NULL,            -- empty without
  applied_for TEXT NOT NULL,          -- JSON list of scenarios
  role TEXT NOT NULL,                 -- ARN of the role that makes the repositories; empty without
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (account, region, prefix)
);

-- Whose pulls are not recorded.
CREATE TABLE pull_exclusion (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  principal TEXT NOT NULL,            -- ARN of a user or role
  created_at BIGINT NOT NULL,
  PRIMARY KEY (account, region, principal)
);

ALTER TABLE manifest ADD COLUMN last_puller TEXT NOT NULL DEFAULT '';  -- ARN of who last pulled it
