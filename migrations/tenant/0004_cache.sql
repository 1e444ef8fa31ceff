-- Cached answers of language models. `rev` is the revision of the write: an entry is superseded by a later invalidation.
-- `size` is what the entry takes of the quota, in bytes; `lease` the revision of the lease it was stored with.
CREATE TABLE cache_entries (
  rev INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  ns TEXT NOT NULL,
  model TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('response', 'error')),
  finish_reason TEXT,
  tokens INTEGER,
  micro_usd INTEGER,
  size INTEGER NOT NULL,
  stored_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  dead_at INTEGER NOT NULL,
  hit_at INTEGER NOT NULL,
  lease INTEGER
) STRICT;
CREATE INDEX cache_entries_expiry ON cache_entries (dead_at);
CREATE INDEX cache_entries_hit ON cache_entries (hit_at);
CREATE INDEX cache_entries_model ON cache_entries (model, ns);

-- The answer as JSON text, in parts of at most 1 MiB. Apart from the entry, so that counting a hit rewrites a small row.
CREATE TABLE cache_bodies (
  entry INTEGER NOT NULL,
  part INTEGER NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (entry, part)
) STRICT;

CREATE TABLE cache_tags (
  entry INTEGER NOT NULL,
  tag TEXT NOT NULL,
  PRIMARY KEY (entry, tag)
) STRICT, WITHOUT ROWID;
CREATE INDEX cache_tags_tag ON cache_tags (tag, entry);

-- The beginning of what was asked, of the newest entries, for finding similar questions; the row id is the entry's rev.
-- `grams` holds the pairs of letters by which texts in scripts without spaces are found. Marks are part of a word: without
-- that, words of many scripts would fall apart at each vowel.
CREATE VIRTUAL TABLE cache_text USING fts5 (
  text, grams, tokenize = "unicode61 remove_diacritics 2 categories 'L* N* Co Mn Mc'"
);

-- One row. `entries` and `size` are what the quota is measured by, kept right by the triggers whichever way an entry
-- goes; `texts` is at least the number of rows in cache_text.
CREATE TABLE cache_totals (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  entries INTEGER NOT NULL,
  size INTEGER NOT NULL,
  texts INTEGER NOT NULL
) STRICT;
INSERT INTO cache_totals (one, entries, size, texts) VALUES (1, 0, 0, 0);

CREATE TRIGGER cache_entry_added AFTER INSERT ON cache_entries BEGIN
  UPDATE cache_totals SET entries = entries + 1, size = size + new.size;
END;
CREATE TRIGGER cache_entry_removed AFTER DELETE ON cache_entries BEGIN
  UPDATE cache_totals SET entries = entries - 1, size = size - old.size;
  DELETE FROM cache_bodies WHERE entry = old.rev;
  DELETE FROM cache_tags WHERE entry = old.rev;
  DELETE FROM cache_text WHERE rowid = old.rev;
END;

-- Questions that were missed, newest only, so that an answer can be stored by the key alone.
CREATE TABLE cache_asked (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  ns TEXT NOT NULL,
  model TEXT NOT NULL,
  text TEXT NOT NULL
) STRICT;

-- Invalidations whose entries are not all reclaimed yet. `ns` is empty for every namespace.
CREATE TABLE cache_invalidations (
  kind TEXT NOT NULL CHECK (kind IN ('all', 'model', 'tag')),
  value TEXT NOT NULL,
  ns TEXT NOT NULL,
  rev INTEGER NOT NULL,
  PRIMARY KEY (kind, value, ns)
) STRICT, WITHOUT ROWID;

-- Who works on the answer of a key, one caller at a time. `rev` is the revision of the grant, and the lease's id. Namespace
-- and model are null when only the key is known. An expired lease stays until its work is taken over or it is forgotten.
CREATE TABLE cache_leases (
  rev INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  ns TEXT,
  model TEXT,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX cache_leases_expiry ON cache_leases (expires_at);

-- Tags that were invalidated while leases were out: only its answer will say which tags a lease was for.
CREATE TABLE cache_lost_tags (
  tag TEXT NOT NULL,
  ns TEXT NOT NULL,
  rev INTEGER NOT NULL,
  PRIMARY KEY (tag, ns)
) STRICT, WITHOUT ROWID;

-- What happened on each day (UTC, days since the epoch). `ns` and `model` are empty for what has no row of its own.
CREATE TABLE cache_days (
  day INTEGER NOT NULL,
  ns TEXT NOT NULL,
  model TEXT NOT NULL,
  hits INTEGER NOT NULL DEFAULT 0,
  misses INTEGER NOT NULL DEFAULT 0,
  stale INTEGER NOT NULL DEFAULT 0,
  negative INTEGER NOT NULL DEFAULT 0,
  coalesced INTEGER NOT NULL DEFAULT 0,
  rejected INTEGER NOT NULL DEFAULT 0,
  evicted INTEGER NOT NULL DEFAULT 0,
  tokens_saved INTEGER NOT NULL DEFAULT 0,
  micro_usd_saved INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (day, ns, model)
) STRICT, WITHOUT ROWID;
