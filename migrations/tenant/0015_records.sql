-- What changes with every call, in one row: the revision counter, the levels of the token buckets, and the end of the chain of
-- records. `derived_id` is the newest record that `runs` has counted.
CREATE TABLE ledger (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  rev INTEGER NOT NULL,
  buckets TEXT NOT NULL,
  last_id INTEGER NOT NULL,
  head TEXT NOT NULL,
  floor_id INTEGER NOT NULL,
  floor TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  derived_id INTEGER NOT NULL
) STRICT;

-- What agents did, in the order in which it ended. Ids have no gaps. Each hash covers the row and the hash before it. There is
-- no index but the id: one on a random id, such as the trace, would cost as much as all the rest.
CREATE TABLE records (
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  took_ms INTEGER NOT NULL,
  wait_ms INTEGER NOT NULL,
  times INTEGER NOT NULL,
  run INTEGER NOT NULL,
  tool TEXT NOT NULL,
  outcome TEXT NOT NULL,
  status TEXT,
  code TEXT,
  scope TEXT,
  error_id TEXT,
  retry_after_ms INTEGER,
  trace_id TEXT NOT NULL,
  span_id TEXT NOT NULL,
  parent_span_id TEXT,
  request_id TEXT NOT NULL,
  token_id TEXT NOT NULL,
  session TEXT,
  client TEXT,
  client_version TEXT,
  protocol TEXT,
  transport TEXT NOT NULL,
  args TEXT,
  bytes_in INTEGER NOT NULL,
  bytes_out INTEGER NOT NULL,
  rev_from INTEGER NOT NULL,
  rev_to INTEGER NOT NULL,
  work INTEGER NOT NULL,
  saved_micro_usd INTEGER NOT NULL,
  size INTEGER NOT NULL,
  hash TEXT NOT NULL
) STRICT;

-- What one agent did, by its trace, its session, or its token and client. Derived from `records`; `id` is the first of them.
CREATE TABLE runs (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL,
  trace_id TEXT,
  token_id TEXT NOT NULL,
  client TEXT,
  first_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  last_id INTEGER NOT NULL,
  calls INTEGER NOT NULL,
  not_ok INTEGER NOT NULL,
  changed INTEGER NOT NULL
) STRICT;
CREATE INDEX runs_key ON runs (key, id);

-- Records of an older release have no hash and belong to no run; the chain begins after them.
INSERT INTO records
  SELECT id, at, 0, 0, 1, 0, tool, outcome, NULL, code, NULL, error_id, NULL, trace_id, span_id, NULL, '', token_id,
    NULL, NULL, NULL, NULL, 'unknown', NULL, 0, 0, rev, rev, 0, 0, 300, ''
  FROM calls;
INSERT INTO ledger
  SELECT 1, coalesce((SELECT rev FROM calls ORDER BY id DESC LIMIT 1), 0),
    coalesce((SELECT buckets FROM calls ORDER BY id DESC LIMIT 1), ''),
    coalesce(max(id), 0), '', coalesce(max(id), 0), '', 300 * count(*), coalesce(max(id), 0)
  FROM calls;
DROP TABLE calls;

-- Heads of the chain, signed with a key that is not stored here.
CREATE TABLE anchors (
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  head TEXT NOT NULL,
  kid TEXT NOT NULL,
  mac TEXT NOT NULL
) STRICT;
