-- +goose Up
-- Archive (API-75, LC-35..38).
ALTER TABLE manifest ADD COLUMN status TEXT NOT NULL DEFAULT 'ACTIVE';       -- ACTIVE, ARCHIVED or ACTIVATING
ALTER TABLE manifest ADD COLUMN archived_at BIGINT NOT NULL DEFAULT 0;       -- 0: never
ALTER TABLE manifest ADD COLUMN activated_at BIGINT NOT NULL DEFAULT 0;      -- 0: never
CREATE INDEX manifest_by_status ON manifest (repository_id, status, pushed_at, digest);
CREATE INDEX manifest_activating ON manifest (repository_id, digest) WHERE status = 'ACTIVATING';

ALTER TABLE blob ADD COLUMN archived BOOLEAN NOT NULL DEFAULT FALSE;         -- key is one of the archive's store
CREATE INDEX blob_archived ON blob (id) WHERE archived;

-- Blobs of which it is to be looked at whether they belong into the other store. A worker takes one by pushing due back, and writes the key before the object, so
-- that what a dead worker left is known.
CREATE TABLE blob_review (
  blob_id BIGINT PRIMARY KEY REFERENCES blob (id) ON DELETE CASCADE,
  due BIGINT NOT NULL,
  key TEXT NOT NULL,                  -- of the copy that is being made in the other store, or empty
  archive BOOLEAN NOT NULL            -- which that is
);
CREATE INDEX blob_review_by_time ON blob_review (due);

-- Objects that no row leads to any more. They are deleted when nobody can still be reading them.
CREATE TABLE dead_object (
  key TEXT PRIMARY KEY,
  archive BOOLEAN NOT NULL,
  since BIGINT NOT NULL
);
CREATE INDEX dead_object_by_time ON dead_object (since);

-- Images that were deleted and can be brought back.
CREATE TABLE removed_image (
  id BIGINT PRIMARY KEY,
  removal BIGINT NOT NULL,            -- id of the image that was removed: its own, or of the one with which it went
  repository_id BIGINT NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
  digest TEXT NOT NULL,
  manifest TEXT NOT NULL,             -- JSON: the row as it was, but for the body
  body BYTEA NOT NULL,
  removed_at BIGINT NOT NULL,
  removed_by TEXT NOT NULL,           -- ARN, or the name of a service
  reason TEXT NOT NULL
);
CREATE INDEX removed_image_by_digest ON removed_image (repository_id, digest, id);
CREATE INDEX removed_image_by_id ON removed_image (repository_id, id) WHERE removal = id;
CREATE INDEX removed_image_by_removal ON removed_image (removal);
CREATE INDEX removed_image_by_time ON removed_image (removed_at);

CREATE TABLE removed_tag (
  removed_id BIGINT NOT NULL REFERENCES removed_image (id) ON DELETE CASCADE,
  repository_id BIGINT NOT NULL,
  name TEXT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (removed_id, name)
);
CREATE INDEX removed_tag_by_name ON removed_tag (repository_id, name, removed_id);

-- What removed images refer to: layers that they still need.
CREATE TABLE removed_ref (
  removed_id BIGINT NOT NULL REFERENCES removed_image (id) ON DELETE CASCADE,
  repository_id BIGINT NOT NULL,
  child TEXT NOT NULL,
  kind TEXT NOT NULL,
  media_type TEXT NOT NULL,
  PRIMARY KEY (removed_id, child, kind)
);
CREATE INDEX removed_ref_by_child ON removed_ref (repository_id, child, kind);

-- Images that are not to go, not to be archived, and tags that are not to move.
CREATE TABLE image_lock (
  repository_id BIGINT NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
  target TEXT NOT NULL,               -- a digest or a tag
  reason TEXT NOT NULL,
  locked_by TEXT NOT NULL,            -- ARN
  locked_at BIGINT NOT NULL,
  PRIMARY KEY (repository_id, target)
);

ALTER TABLE repository ADD COLUMN tag_pattern TEXT NOT NULL DEFAULT '';      -- regular expression that tags have to match as a whole; empty: any
