-- Which tools need a person's yes, as JSON.
ALTER TABLE tenant ADD COLUMN policy TEXT NOT NULL DEFAULT '{}';

-- Calls that wait for a person's yes, and those that have ended lately. What is long stands last, because the rest is read
-- more often.
CREATE TABLE held_calls (
  id TEXT PRIMARY KEY,
  -- 'pending', 'approved', 'refused', 'expired', 'running', 'done' or 'unknown'.
  state TEXT NOT NULL,
  token_id TEXT NOT NULL,
  tool TEXT NOT NULL,
  -- Of the tool and the arguments: a repeat of the call is the same held call.
  digest TEXT NOT NULL,
  run_key TEXT NOT NULL,
  trace_id TEXT NOT NULL,
  client TEXT,
  size INTEGER NOT NULL,
  held_at INTEGER NOT NULL,
  -- Until when it can be decided, or redeemed once it is approved.
  expires_at INTEGER NOT NULL,
  -- When the row may be deleted.
  forget_at INTEGER NOT NULL,
  decided_at INTEGER,
  decided_by TEXT,
  reason TEXT,
  -- The run of a remote tool.
  started_at INTEGER,
  slot TEXT,
  args TEXT NOT NULL,
  -- How it ended, as JSON: the answer of the tool or its error. NULL when the answer was too large to be stored.
  result TEXT
) STRICT;
CREATE INDEX held_calls_state ON held_calls (state, expires_at, size);
CREATE INDEX held_calls_digest ON held_calls (token_id, digest);
CREATE INDEX held_calls_to_forget ON held_calls (forget_at);

-- A person's yes to all calls of a token to a tool in one run. The id is that of the held call for which it was given.
CREATE TABLE standing_approvals (
  id TEXT PRIMARY KEY,
  token_id TEXT NOT NULL,
  tool TEXT NOT NULL,
  run_key TEXT NOT NULL,
  given_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  given_by TEXT NOT NULL
) STRICT;
CREATE INDEX standing_approvals_of ON standing_approvals (token_id, tool, run_key);

-- The held call that a call has made or redeemed, and who has approved it. The hash of a record covers them if they are there.
ALTER TABLE records ADD COLUMN approval TEXT;
ALTER TABLE records ADD COLUMN decided_by TEXT;
