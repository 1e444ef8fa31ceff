-- A session has one subscription for each cell, under whatever URIs it names the cell. `uri` is the URI of the first
-- subscription where that is not the cell's canonical URI: clients compare URIs as texts. The primary key finds the
-- sessions that are subscribed to a cell, which is what a write needs.
CREATE TABLE subscriptions_of_cells (
  session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  run_id TEXT NOT NULL,
  key TEXT NOT NULL,
  uri TEXT,
  -- Changes up to this revision came before the subscription.
  rev INTEGER NOT NULL,
  PRIMARY KEY (run_id, key, session_id)
) STRICT, WITHOUT ROWID;
-- Of several subscriptions to one cell the oldest stays.
INSERT OR IGNORE INTO subscriptions_of_cells (session_id, run_id, key, uri, rev)
  SELECT session_id, run_id, key, uri, rev FROM subscriptions ORDER BY rev, uri;
DROP TABLE subscriptions;
ALTER TABLE subscriptions_of_cells RENAME TO subscriptions;
CREATE INDEX subscriptions_session ON subscriptions (session_id);

-- What a session takes in storage with its subscriptions, in bytes: see `session-room.ts`.
ALTER TABLE sessions ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
UPDATE sessions SET bytes = 256 + length(CAST(client AS BLOB)) + (
  SELECT coalesce(sum(2 * length(CAST(run_id || key AS BLOB)) + length(CAST(coalesce(uri, '') AS BLOB)) + 128), 0)
  FROM subscriptions WHERE session_id = sessions.id
);
CREATE INDEX sessions_bytes ON sessions (bytes);
