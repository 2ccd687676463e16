-- +goose Up
-- What is collected when nobody needs it any more: first layers that no image of their repository uses, then the bytes that no repository holds.

-- Until when a layer stays although no image uses it, because somebody was told that it is there; then it is looked at. 0: an image uses it, or did when it was last
-- looked at, and whoever takes an image away sets this.
ALTER TABLE layer ADD COLUMN lease_until BIGINT NOT NULL DEFAULT 0;
UPDATE layer SET lease_until = pushed_at WHERE NOT EXISTS (SELECT 1 FROM manifest_ref f WHERE f.repository_id = layer.repository_id AND f.child = layer.digest)
  AND NOT EXISTS (SELECT 1 FROM removed_ref f WHERE f.repository_id = layer.repository_id AND f.child = layer.digest);
CREATE INDEX layer_by_lease ON layer (lease_until) WHERE lease_until > 0;

-- Blobs that may be held by no repository: condemned in one round, and removed in a later one if it is still so.
CREATE TABLE condemned_blob (
  blob_id BIGINT PRIMARY KEY REFERENCES blob (id) ON DELETE CASCADE,
  since BIGINT NOT NULL,
  round BIGINT NOT NULL
);
CREATE INDEX condemned_blob_by_round ON condemned_blob (round);
INSERT INTO condemned_blob (blob_id, since, round) SELECT id, 0, 0 FROM blob WHERE NOT EXISTS (SELECT 1 FROM layer l WHERE l.blob_id = blob.id);

ALTER TABLE dead_object ADD COLUMN size BIGINT NOT NULL DEFAULT 0;           -- bytes

-- One row: the rounds of the collection, which one clock and all nodes share, and what it has done since ever.
CREATE TABLE collection (
  one BIGINT PRIMARY KEY,
  round BIGINT NOT NULL,
  round_at BIGINT NOT NULL,
  layers BIGINT NOT NULL,
  objects BIGINT NOT NULL,
  bytes BIGINT NOT NULL
);
INSERT INTO collection (one, round, round_at, layers, objects, bytes) VALUES (1, 1, 0, 0, 0, 0);
