-- +goose Up
-- Bytes that are not those of the digest: never served, and replaced when the same content is pushed again (F07).
ALTER TABLE blob ADD COLUMN suspect BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX blob_suspect ON blob (id) WHERE suspect;
-- Whether a row leads to an object (I5).
CREATE INDEX blob_by_key ON blob (key) WHERE key <> '';

-- One row: how far the scrub has come, and which node is at it.
CREATE TABLE scrub (
  one BIGINT PRIMARY KEY,
  after_blob BIGINT NOT NULL,         -- id of the last blob that was read
  began_at BIGINT NOT NULL,           -- when the pass began; 0: there was none
  pass_bytes BIGINT NOT NULL,         -- read in this pass
  total_bytes BIGINT NOT NULL,        -- stored when it began
  suspects BIGINT NOT NULL,           -- found in this pass
  done BOOLEAN NOT NULL,
  holder TEXT NOT NULL,               -- the node that is at it
  lease_until BIGINT NOT NULL
);
INSERT INTO scrub (one, after_blob, began_at, pass_bytes, total_bytes, suspects, done, holder, lease_until) VALUES (1, 0, 0, 0, 0, 0, TRUE, '', 0);
