-- +goose Up
-- The lifecycle policy of a repository, and when it runs (LC-24).
CREATE TABLE lifecycle (
  repository_id BIGINT PRIMARY KEY REFERENCES repository (id) ON DELETE CASCADE,
  text TEXT NOT NULL,
  evaluated_at BIGINT NOT NULL,       -- when the last run that came to its end began; 0: never
  due_at BIGINT NOT NULL,             -- when it runs next; while a run is at work, when another node may take over
  turn BIGINT NOT NULL                -- another number after each new text and for each run: a run whose turn is over does nothing any more
);
CREATE INDEX lifecycle_by_due ON lifecycle (due_at);

-- The last preview of a repository (LC-25, LC-26).
CREATE TABLE lifecycle_preview (
  repository_id BIGINT PRIMARY KEY REFERENCES repository (id) ON DELETE CASCADE,
  text TEXT NOT NULL,
  status TEXT NOT NULL,               -- IN_PROGRESS, COMPLETE or FAILED
  due_at BIGINT NOT NULL,             -- of one in progress: when it may be worked at, or taken over
  turn BIGINT NOT NULL,
  ended_at BIGINT NOT NULL,
  expiring BIGINT NOT NULL,           -- images
  transitioning BIGINT NOT NULL
);
CREATE INDEX lifecycle_preview_by_due ON lifecycle_preview (due_at) WHERE status = 'IN_PROGRESS';
CREATE INDEX lifecycle_preview_by_end ON lifecycle_preview (ended_at) WHERE status <> 'IN_PROGRESS';

CREATE TABLE lifecycle_preview_result (
  repository_id BIGINT NOT NULL REFERENCES lifecycle_preview (repository_id) ON DELETE CASCADE,
  place BIGINT NOT NULL,              -- the oldest image has the greatest
  digest TEXT NOT NULL,
  tags TEXT NOT NULL,                 -- JSON list
  pushed_at BIGINT NOT NULL,
  class TEXT NOT NULL,                -- in which the image is
  action TEXT NOT NULL,
  rule BIGINT NOT NULL,               -- its priority
  PRIMARY KEY (repository_id, place)
);
CREATE INDEX lifecycle_preview_result_by_digest ON lifecycle_preview_result (repository_id, digest);

-- What protects images beside the grammar of policies, of an account in a region. Microseconds; 0: it does not.
CREATE TABLE lifecycle_protection (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  grace BIGINT NOT NULL,              -- since the push
  pulled BIGINT NOT NULL,             -- since the last pull
  PRIMARY KEY (account, region)
);

-- What workloads use, as somebody reported it.
CREATE TABLE inventory (
  id BIGINT PRIMARY KEY,
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  source TEXT NOT NULL,
  reported_by TEXT NOT NULL,          -- ARN
  reported_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  UNIQUE (account, region, source)
);
CREATE INDEX inventory_by_expiry ON inventory (expires_at);

CREATE TABLE inventory_image (
  inventory_id BIGINT NOT NULL REFERENCES inventory (id) ON DELETE CASCADE,
  repository TEXT NOT NULL,           -- name; empty: any
  image TEXT NOT NULL,                -- a digest or a tag
  PRIMARY KEY (inventory_id, image, repository)
);
CREATE INDEX inventory_image_by_image ON inventory_image (image, repository, inventory_id);
