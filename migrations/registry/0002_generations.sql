-- Each creation of a tenant has a generation of its own, so that a change of an older one never applies to a newer one.
ALTER TABLE tenants ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
CREATE INDEX tenants_by_status ON tenants (status, id);

-- The highest generation that was ever given out or seen: one row.
CREATE TABLE last_generation (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  generation INTEGER NOT NULL
) STRICT;
INSERT INTO last_generation (one, generation) VALUES (1, 0);

-- What was erased lately: a delayed message of an erased generation does not list it again.
CREATE TABLE erased (
  id TEXT PRIMARY KEY,
  generation INTEGER NOT NULL,
  erased_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX erased_by_time ON erased (erased_at);
