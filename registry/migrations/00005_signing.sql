-- +goose Up

-- A key that signs images, and the certificates that say whose it is. Only the end of the chain leaves the cell.
CREATE TABLE signing_profile (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  name TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  sealed_key BYTEA NOT NULL,          -- PKCS #8
  chain TEXT NOT NULL,                -- PEM: the certificate of the key, then the authority's
  PRIMARY KEY (account, region, name)
);

CREATE TABLE signing_configuration (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  rules TEXT NOT NULL,                -- JSON
  PRIMARY KEY (account, region)
);

-- One row for each image and profile that is to sign it. What is IN_PROGRESS is the queue of the workers: due is when one may take it.
CREATE TABLE image_signing (
  repository_id BIGINT NOT NULL,
  digest TEXT NOT NULL,
  profile TEXT NOT NULL,              -- ARN
  status TEXT NOT NULL,
  failure_code TEXT NOT NULL,
  failure_reason TEXT NOT NULL,
  due BIGINT NOT NULL,
  tries BIGINT NOT NULL,
  PRIMARY KEY (repository_id, digest, profile),
  FOREIGN KEY (repository_id, digest) REFERENCES manifest (repository_id, digest) ON DELETE CASCADE
);
CREATE INDEX image_signing_due ON image_signing (due) WHERE status = 'IN_PROGRESS';
