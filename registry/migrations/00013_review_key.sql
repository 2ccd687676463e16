-- +goose Up
-- Whether a worker is writing an object: few of the blobs that are to be looked at are being copied.
CREATE INDEX blob_review_by_key ON blob_review (key) WHERE key <> '';
