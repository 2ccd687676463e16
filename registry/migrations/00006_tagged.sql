-- +goose Up
-- Lists of the images that have tags, or that have none, cost by what they list and not by what they leave out.
ALTER TABLE manifest ADD COLUMN tagged BOOLEAN NOT NULL DEFAULT FALSE;  -- whether a tag names it
UPDATE manifest SET tagged = TRUE WHERE EXISTS (SELECT 1 FROM tag t WHERE t.repository_id = manifest.repository_id AND t.digest = manifest.digest);
CREATE INDEX manifest_by_tagged ON manifest (repository_id, tagged, status, pushed_at, digest);
