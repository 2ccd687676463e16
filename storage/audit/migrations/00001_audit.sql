-- +goose Up
-- One row for each mutation, written in the mutation's own transaction.
CREATE TABLE audit (
  id BIGINT PRIMARY KEY,
  record TEXT NOT NULL
);
-- Reads and refusals, many to a row: JSON lines, compressed.
CREATE TABLE audit_batch (
  id BIGINT PRIMARY KEY,
  last_id BIGINT NOT NULL,
  records BYTEA NOT NULL
);
