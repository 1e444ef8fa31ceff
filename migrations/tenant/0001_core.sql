-- Who this compartment is and how it is run: one row.
CREATE TABLE tenant (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  id TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('active', 'suspended')),
  created_at INTEGER NOT NULL,
  limits TEXT NOT NULL,
  seal_key TEXT NOT NULL
) STRICT;

-- The tokens that this tenant accepts. The signed token itself is never stored.
CREATE TABLE tokens (
  id TEXT PRIMARY KEY,
  label TEXT NOT NULL,
  scopes TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  revoked_at INTEGER
) STRICT, WITHOUT ROWID;

-- What agents did, newest calls only; the log has the details under the same ids. The newest row is also the ledger:
-- the revision counter and the levels of the token buckets as the call left them.
CREATE TABLE calls (
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  tool TEXT NOT NULL,
  outcome TEXT NOT NULL,
  code TEXT,
  error_id TEXT,
  trace_id TEXT NOT NULL,
  span_id TEXT NOT NULL,
  token_id TEXT NOT NULL,
  rev INTEGER NOT NULL,
  buckets TEXT NOT NULL
) STRICT;

-- Answers of calls that carried an idempotency key.
CREATE TABLE idempotency (
  tool TEXT NOT NULL,
  key TEXT NOT NULL,
  digest TEXT NOT NULL,
  answer TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (tool, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_expiry ON idempotency (expires_at);
