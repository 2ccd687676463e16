-- +goose Up
-- What decisions were made of (policies, tags, places in an organization), each under the hash of its content. body is compressed.
CREATE TABLE audit_piece (
  id TEXT PRIMARY KEY,
  body BYTEA NOT NULL
);
