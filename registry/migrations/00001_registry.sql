-- +goose Up
-- Every row hangs on the id of its repository, never on the name: a repository deleted and made again under the same name inherits nothing (H102).

CREATE TABLE repository (
  id BIGINT PRIMARY KEY,
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  name TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  mutability TEXT NOT NULL,
  exclusions TEXT NOT NULL,           -- JSON list of wildcard filters
  scan_on_push BOOLEAN NOT NULL,
  encryption TEXT NOT NULL,
  kms_key TEXT NOT NULL,
  policy TEXT,                        -- principals as unique ids; NULL: no policy
  tags TEXT NOT NULL,                 -- JSON list of resource tags
  UNIQUE (account, region, name)
);

CREATE TABLE manifest (
  repository_id BIGINT NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
  digest TEXT NOT NULL,
  media_type TEXT NOT NULL,
  artifact_media_type TEXT NOT NULL,  -- API-53
  artifact_type TEXT NOT NULL,        -- of the referrers list
  annotations TEXT NOT NULL,          -- JSON; only of manifests with a subject
  subject TEXT NOT NULL,              -- digest, or empty
  image_size BIGINT NOT NULL,         -- bytes, API-52
  body BYTEA NOT NULL,
  body_size BIGINT NOT NULL,
  pushed_at BIGINT NOT NULL,
  last_pull BIGINT NOT NULL,          -- 0: never
  PRIMARY KEY (repository_id, digest)
);
CREATE INDEX manifest_by_time ON manifest (repository_id, pushed_at, digest);
CREATE INDEX manifest_by_subject ON manifest (repository_id, subject, digest) WHERE subject <> '';

CREATE TABLE manifest_ref (
  repository_id BIGINT NOT NULL,
  parent TEXT NOT NULL,
  child TEXT NOT NULL,
  kind TEXT NOT NULL,                 -- config, layer or manifest
  media_type TEXT NOT NULL,           -- as the parent's descriptor says
  PRIMARY KEY (repository_id, parent, child, kind),
  FOREIGN KEY (repository_id, parent) REFERENCES manifest (repository_id, digest) ON DELETE CASCADE
);
CREATE INDEX manifest_ref_by_child ON manifest_ref (repository_id, child, kind);

CREATE TABLE tag (
  repository_id BIGINT NOT NULL,
  name TEXT NOT NULL,
  digest TEXT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (repository_id, name),
  FOREIGN KEY (repository_id, digest) REFERENCES manifest (repository_id, digest) ON DELETE CASCADE
);
CREATE INDEX tag_by_digest ON tag (repository_id, digest, name);

-- One row for each content that the cell stores, whoever pushed it.
CREATE TABLE blob (
  id BIGINT PRIMARY KEY,
  digest TEXT NOT NULL UNIQUE,
  size BIGINT NOT NULL,
  key TEXT NOT NULL,                  -- of the blob store; empty when the bytes are in content
  content BYTEA,                      -- small blobs
  created_at BIGINT NOT NULL
);

-- What a repository may serve: having the bytes for another repository is not enough (API-63, H32).
CREATE TABLE layer (
  repository_id BIGINT NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
  digest TEXT NOT NULL,
  blob_id BIGINT NOT NULL REFERENCES blob (id),
  size BIGINT NOT NULL,
  pushed_at BIGINT NOT NULL,
  upload TEXT NOT NULL,               -- id of the upload that it came from, or empty
  PRIMARY KEY (repository_id, digest)
);
CREATE INDEX layer_by_blob ON layer (blob_id);

CREATE TABLE upload (
  id TEXT PRIMARY KEY,
  repository_id BIGINT NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
  principal TEXT NOT NULL,
  size BIGINT NOT NULL,
  sum BYTEA NOT NULL,                 -- state of the hash over size bytes
  tail BYTEA NOT NULL,                -- bytes that the store has not got yet
  state BYTEA NOT NULL,               -- the store's own
  parts BIGINT NOT NULL,              -- parts taken by UploadLayerPart
  short_parts BIGINT NOT NULL,        -- of them, how many under 5 MiB
  last_part BIGINT NOT NULL,          -- size of the last of them
  version BIGINT NOT NULL,            -- of the row, so that of two writers one loses
  touched_at BIGINT NOT NULL
);
CREATE INDEX upload_by_principal ON upload (principal);
CREATE INDEX upload_by_time ON upload (touched_at);
CREATE INDEX upload_by_repository ON upload (repository_id);

CREATE TABLE account_setting (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (account, region, name)
);

-- Keys that every node of the cell shares: for pagination tokens and layer URLs.
CREATE TABLE cell_secret (
  name TEXT PRIMARY KEY,
  value BYTEA NOT NULL
);
