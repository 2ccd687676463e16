-- +goose Up
-- What happened, written in the transaction in which it happened; kept for a day for those who deliver it.
CREATE TABLE event (
  id BIGINT PRIMARY KEY,              -- ordered by the millisecond in which it was written
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  source TEXT NOT NULL,
  detail_type TEXT NOT NULL,
  resources TEXT NOT NULL,            -- JSON list of ARNs
  detail TEXT NOT NULL,               -- JSON object
  at BIGINT NOT NULL
);
