-- +goose Up
-- Until when no object is deleted, because somebody copies what the rows led to at some moment.
ALTER TABLE collection ADD COLUMN held_until BIGINT NOT NULL DEFAULT 0;
