-- Clients that are told of changes. A `session` is one of MCP's 2025 revisions, which lives until it is closed, idle for
-- long or crowded out; a `stream` lives as long as the one stream that it was opened for.
CREATE TABLE sessions (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('session', 'stream')),
  principal TEXT NOT NULL,
  -- What the client said of itself, as JSON text: the parameters of `initialize`.
  client TEXT NOT NULL,
  client_name TEXT AS (substr(client ->> '$.clientInfo.name', 1, 64)) VIRTUAL,
  client_version TEXT AS (substr(client ->> '$.clientInfo.version', 1, 64)) VIRTUAL,
  -- From which level on it is told what tools log for their caller; null when it did not say.
  log_level TEXT,
  -- Whether it is told that the list of resources changed.
  list_changed INTEGER NOT NULL CHECK (list_changed IN (0, 1)),
  -- The revision up to which it needs to be told nothing more.
  rev INTEGER NOT NULL,
  seen_at INTEGER NOT NULL,
  -- Whether it has a stream open now.
  attached INTEGER NOT NULL DEFAULT 0 CHECK (attached IN (0, 1))
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_seen ON sessions (kind, seen_at);

-- The cells that a session is told of. `uri` is as the client wrote it, for that is what it will look for.
CREATE TABLE subscriptions (
  session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  uri TEXT NOT NULL,
  run_id TEXT NOT NULL,
  key TEXT NOT NULL,
  rev INTEGER NOT NULL,
  PRIMARY KEY (session_id, uri)
) STRICT, WITHOUT ROWID;
CREATE INDEX subscriptions_cell ON subscriptions (run_id, key, session_id);

-- Whether the cell came or went with the event, so that the list of cells changed too.
ALTER TABLE board_events ADD COLUMN listed INTEGER NOT NULL DEFAULT 0 CHECK (listed IN (0, 1));
