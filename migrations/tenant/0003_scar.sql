-- One row for each kind of failure. The id is the revision at which it was first recorded, so no id is used twice.
CREATE TABLE scars (
  id INTEGER PRIMARY KEY,
  rev INTEGER NOT NULL,
  project TEXT,
  tool TEXT,
  target TEXT,
  error_type TEXT NOT NULL,
  error_code TEXT,
  error_message TEXT,
  context TEXT,
  action TEXT,
  cause TEXT,
  class TEXT NOT NULL CHECK (class IN ('deterministic', 'transient', 'environmental', 'unknown')),
  severity TEXT CHECK (severity IN ('low', 'medium', 'high', 'critical')),
  tags TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'resolved', 'regressed', 'muted', 'archived')),
  occurrences INTEGER NOT NULL,
  wrong_matches INTEGER NOT NULL,
  principal TEXT NOT NULL,
  agent TEXT,
  first_seen INTEGER NOT NULL,
  last_seen INTEGER NOT NULL,
  -- The informative words, separated by spaces, those of the message first; and how many of them are the message's.
  tokens TEXT NOT NULL,
  message_words INTEGER NOT NULL DEFAULT 0,
  -- Its type, tool, target, cause and tags, for those who search the list.
  names TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX scars_tool_target ON scars (tool, target, last_seen);

-- Several fingerprints can lead to one scar: those of a merged scar stay alive.
CREATE TABLE scar_fingerprints (
  fingerprint TEXT PRIMARY KEY,
  version INTEGER NOT NULL,
  scar_id INTEGER NOT NULL REFERENCES scars (id) ON DELETE CASCADE,
  -- The scar that it was made for: leads from the id of a merged scar to where it went.
  origin INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX scar_fingerprints_scar ON scar_fingerprints (scar_id);
CREATE INDEX scar_fingerprints_origin ON scar_fingerprints (origin);

-- How often a run hit a scar.
CREATE TABLE scar_runs (
  scar_id INTEGER NOT NULL REFERENCES scars (id) ON DELETE CASCADE,
  run_id TEXT NOT NULL,
  occurrences INTEGER NOT NULL,
  last_seen INTEGER NOT NULL,
  PRIMARY KEY (scar_id, run_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX scar_runs_age ON scar_runs (scar_id, last_seen);
CREATE INDEX scar_runs_expiry ON scar_runs (last_seen);

-- Which scars a run was shown, so that it is not shown them again. Only the newest rows are kept.
CREATE TABLE scar_shown (
  id INTEGER PRIMARY KEY,
  run_id TEXT NOT NULL,
  scar_id INTEGER NOT NULL REFERENCES scars (id) ON DELETE CASCADE,
  at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX scar_shown_run ON scar_shown (run_id, scar_id);
CREATE INDEX scar_shown_scar ON scar_shown (scar_id);
CREATE INDEX scar_shown_expiry ON scar_shown (at);

-- What was tried against a scar, and how often it was reported to have worked or failed.
CREATE TABLE scar_fixes (
  id INTEGER PRIMARY KEY,
  scar_id INTEGER NOT NULL REFERENCES scars (id) ON DELETE CASCADE,
  resolution TEXT NOT NULL,
  worked INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  not_applicable INTEGER NOT NULL,
  verified INTEGER NOT NULL CHECK (verified IN (0, 1)),
  evidence TEXT,
  principal TEXT NOT NULL,
  agent TEXT,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX scar_fixes_scar ON scar_fixes (scar_id);

-- The reports of the last hour, to count no more than a few of one reporter. fix_id is 0 for the scar itself.
CREATE TABLE scar_reports (
  id INTEGER PRIMARY KEY,
  scar_id INTEGER NOT NULL REFERENCES scars (id) ON DELETE CASCADE,
  fix_id INTEGER NOT NULL,
  principal TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT;
CREATE INDEX scar_reports_age ON scar_reports (scar_id, at);
CREATE INDEX scar_reports_expiry ON scar_reports (at);

CREATE VIRTUAL TABLE scar_words USING fts5 (
  tokens, names, content = 'scars', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 0'
);
CREATE VIRTUAL TABLE scar_trigrams USING fts5 (
  tokens, names, content = 'scars', content_rowid = 'id', tokenize = 'trigram'
);

-- The indexes follow the rows whichever tool changes them, in the same statement.
CREATE TRIGGER scars_inserted AFTER INSERT ON scars BEGIN
  INSERT INTO scar_words (rowid, tokens, names) VALUES (new.id, new.tokens, new.names);
  INSERT INTO scar_trigrams (rowid, tokens, names) VALUES (new.id, new.tokens, new.names);
END;
CREATE TRIGGER scars_deleted AFTER DELETE ON scars BEGIN
  INSERT INTO scar_words (scar_words, rowid, tokens, names) VALUES ('delete', old.id, old.tokens, old.names);
  INSERT INTO scar_trigrams (scar_trigrams, rowid, tokens, names) VALUES ('delete', old.id, old.tokens, old.names);
END;
CREATE TRIGGER scars_reworded AFTER UPDATE OF tokens, names ON scars BEGIN
  INSERT INTO scar_words (scar_words, rowid, tokens, names) VALUES ('delete', old.id, old.tokens, old.names);
  INSERT INTO scar_trigrams (scar_trigrams, rowid, tokens, names) VALUES ('delete', old.id, old.tokens, old.names);
  INSERT INTO scar_words (rowid, tokens, names) VALUES (new.id, new.tokens, new.names);
  INSERT INTO scar_trigrams (rowid, tokens, names) VALUES (new.id, new.tokens, new.names);
END;
