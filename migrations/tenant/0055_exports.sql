-- Up to which record the bucket of exported records has them, in one row. `planned_id` is the last record of the object that
-- is being written: an export that broke off writes the same object again.
CREATE TABLE exports (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  last_id INTEGER NOT NULL,
  planned_id INTEGER NOT NULL,
  at INTEGER NOT NULL
) STRICT;
