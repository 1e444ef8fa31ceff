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
  -- The informative words, separated by spaces: what the two indexes below hold.
  tokens TEXT NOT NULL
) STRICT;
CREATE INDEX scars_tool_target ON scars (tool, target, last_seen);

-- Several fingerprints can lead to one scar: those of a merged scar stay alive.
CREATE TABLE scar_fingerprints (
  fingerprint TEXT PRIMARY KEY,
  version INTEGER NOT NULL,
  scar_id INTEGER NOT NULL REFERENCES scars (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX scar_fingerprints_scar ON scar_fingerprints (scar_id);

-- How often a run hit a scar.
CREATE TABLE scar_runs (
  scar_id INTEGER NOT NULL REFERENCES scars (id) ON DELETE CASCADE,
  run_id TEXT NOT NULL,
  occurrences INTEGER NOT NULL,
  last_seen INTEGER NOT NULL,
  PRIMARY KEY (scar_id, run_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX scar_runs_age ON scar_runs (scar_id, last_seen);

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

CREATE VIRTUAL TABLE scar_words USING fts5 (
  tokens, content = 'scars', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 0'
);
CREATE VIRTUAL TABLE scar_trigrams USING fts5 (
  tokens, content = 'scars', content_rowid = 'id', tokenize = 'trigram'
);

-- The indexes follow the rows whichever tool changes them, in the same statement.
CREATE TRIGGER scars_inserted AFTER INSERT ON scars BEGIN
  INSERT INTO scar_words (rowid, tokens) VALUES (new.id, new.tokens);
  INSERT INTO scar_trigrams (rowid, tokens) VALUES (new.id, new.tokens);
END;
CREATE TRIGGER scars_deleted AFTER DELETE ON scars BEGIN
  INSERT INTO scar_words (scar_words, rowid, tokens) VALUES ('delete', old.id, old.tokens);
  INSERT INTO scar_trigrams (scar_trigrams, rowid, tokens) VALUES ('delete', old.id, old.tokens);
END;
CREATE TRIGGER scars_reworded AFTER UPDATE OF tokens ON scars BEGIN
  INSERT INTO scar_words (scar_words, rowid, tokens) VALUES ('delete', old.id, old.tokens);
  INSERT INTO scar_trigrams (scar_trigrams, rowid, tokens) VALUES ('delete', old.id, old.tokens);
  INSERT INTO scar_words (rowid, tokens) VALUES (new.id, new.tokens);
  INSERT INTO scar_trigrams (rowid, tokens) VALUES (new.id, new.tokens);
END;
