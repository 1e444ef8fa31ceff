-- The cells of every board. `value` is JSON text and comes last: the columns before it are read without it.
CREATE TABLE board_cells (
  id INTEGER PRIMARY KEY,
  run_id TEXT NOT NULL,
  key TEXT NOT NULL,
  rev INTEGER NOT NULL,
  author TEXT NOT NULL,
  principal TEXT NOT NULL,
  updated_at INTEGER NOT NULL,
  expires_at INTEGER,
  -- No fewer than the events of this key: when it gets high, the oldest are dropped.
  versions INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  -- The claim that was last taken and not released: it holds while claim_until is ahead and the cell is live.
  claim_id TEXT,
  claim_by TEXT,
  claim_fence INTEGER,
  claim_until INTEGER,
  -- Claims taken since the cell last got a result.
  attempts INTEGER NOT NULL DEFAULT 0,
  tags TEXT NOT NULL,
  value TEXT NOT NULL,
  UNIQUE (run_id, key)
) STRICT;
CREATE UNIQUE INDEX board_cells_claim ON board_cells (claim_id) WHERE claim_id IS NOT NULL;
CREATE INDEX board_cells_expiry ON board_cells (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE board_tags (
  run_id TEXT NOT NULL,
  tag TEXT NOT NULL,
  key TEXT NOT NULL,
  PRIMARY KEY (run_id, tag, key)
) STRICT, WITHOUT ROWID;

-- What happened on the boards, in order: the log of events and the versions of each cell in one.
-- `value` and `bytes` are null when the cell was deleted.
CREATE TABLE board_events (
  rev INTEGER PRIMARY KEY,
  run_id TEXT NOT NULL,
  key TEXT NOT NULL,
  op TEXT NOT NULL CHECK (op IN ('set', 'merge', 'append', 'increment', 'delete')),
  author TEXT NOT NULL,
  principal TEXT NOT NULL,
  at INTEGER NOT NULL,
  expires_at INTEGER,
  bytes INTEGER,
  tags TEXT NOT NULL,
  value TEXT
) STRICT;
CREATE INDEX board_events_key ON board_events (run_id, key, rev);
CREATE INDEX board_events_run ON board_events (run_id, rev, key);

-- Claims that were taken and released: events that leave no version of the cell. A release knows its claim, so that a
-- repeated one can be told from one that came too late, and the revision that the cell had then.
CREATE TABLE board_marks (
  rev INTEGER PRIMARY KEY,
  run_id TEXT NOT NULL,
  key TEXT NOT NULL,
  op TEXT NOT NULL CHECK (op IN ('claim', 'release')),
  author TEXT NOT NULL,
  principal TEXT NOT NULL,
  at INTEGER NOT NULL,
  claim_id TEXT,
  cell_rev INTEGER
) STRICT;
CREATE INDEX board_marks_run ON board_marks (run_id, rev, key);
CREATE UNIQUE INDEX board_marks_claim ON board_marks (claim_id) WHERE claim_id IS NOT NULL;

-- Up to which revision events of a key have been dropped. The row of no board and no key is for what was dropped
-- because of its age, whatever it was about.
CREATE TABLE board_floors (
  run_id TEXT NOT NULL,
  key TEXT NOT NULL,
  rev INTEGER NOT NULL,
  PRIMARY KEY (run_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX board_floors_rev ON board_floors (rev);

-- Search, by cell id. `board` holds one token that stands for the board, so that a query reads that board's entries
-- only. Words serve plain text, trigrams serve keys, tags, identifiers, paths and scripts without spaces.
CREATE VIRTUAL TABLE board_words USING fts5 (
  board, name, body, tokenize = 'unicode61 remove_diacritics 2', content = '', contentless_delete = 1
);
CREATE VIRTUAL TABLE board_grams USING fts5 (
  board, name, body, tokenize = 'trigram', content = '', contentless_delete = 1
);
-- Cells are rewritten often and each write is a transaction: merging in larger steps costs about half as much.
INSERT INTO board_words (board_words, rank) VALUES ('automerge', 16);
INSERT INTO board_words (board_words, rank) VALUES ('crisismerge', 32);
INSERT INTO board_words (board_words, rank) VALUES ('deletemerge', 50);
INSERT INTO board_grams (board_grams, rank) VALUES ('automerge', 16);
INSERT INTO board_grams (board_grams, rank) VALUES ('crisismerge', 32);
INSERT INTO board_grams (board_grams, rank) VALUES ('deletemerge', 50);

-- The revision up to which the index knows the cells: what was written later is indexed in batches, and before a search.
CREATE TABLE board_indexed (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  rev INTEGER NOT NULL
) STRICT;
INSERT INTO board_indexed (one, rev) VALUES (1, 0);
