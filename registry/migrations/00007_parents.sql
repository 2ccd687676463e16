-- +goose Up
-- With the parent in it: without, SQLite takes the primary key for the cheaper way to the parents of an image, and walks every reference of the repository.
DROP INDEX manifest_ref_by_child;
CREATE INDEX manifest_ref_by_child ON manifest_ref (repository_id, child, kind, parent);
