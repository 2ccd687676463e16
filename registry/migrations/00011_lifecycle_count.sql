-- +goose Up
-- Runs of lifecycle policies that count images, while they are at work: what a rule counted may be less now, because an image went, was archived, or lost a tag.
CREATE TABLE lifecycle_count (
  repository_id BIGINT PRIMARY KEY REFERENCES repository (id) ON DELETE CASCADE,
  disturbed BOOLEAN NOT NULL
);
