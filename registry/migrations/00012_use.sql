-- +goose Up
-- A report of use that expired is told once, and shown for a week.
ALTER TABLE inventory ADD COLUMN expiry_told BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX inventory_untold ON inventory (expires_at) WHERE NOT expiry_told;

-- Whether an account has an image that a runtime knows by its digest alone.
CREATE INDEX manifest_by_digest ON manifest (digest, repository_id);
