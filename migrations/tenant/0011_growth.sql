-- Indexes and totals that keep the cost of a call independent of how much is stored.

-- Expressions instead of generated columns: to add such a column to a strict table SQLite reads every row.
-- State 0: free; 1: claimed, also when that claim has ended and the columns are not cleared yet; 2: dead (5 failed claims).
-- Lists and counts by claim state in order of key, without reading the rows.
CREATE INDEX board_cells_state ON board_cells (
  run_id, (CASE WHEN claim_until IS NOT NULL THEN 1 WHEN attempts >= 5 THEN 2 ELSE 0 END), key, expires_at, claim_until
);
-- The free cells of each folder, the oldest first. A folder is the part of a key up to its last slash: rtrim removes every
-- character of the key that is not a slash.
CREATE INDEX board_cells_queue ON board_cells (run_id, (rtrim(key, replace(key, '/', ''))), rev)
  WHERE claim_until IS NULL AND attempts < 5;
CREATE INDEX board_cells_claim_end ON board_cells (run_id, claim_until) WHERE claim_until IS NOT NULL;
CREATE INDEX board_cells_board_expiry ON board_cells (run_id, expires_at) WHERE expires_at IS NOT NULL;

-- One row for each board with a cell: the number of its rows in board_cells, and when one of them was last
-- written, at most a second too early, so that not every write changes it.
CREATE TABLE board_totals (
  run_id TEXT PRIMARY KEY,
  cells INTEGER NOT NULL,
  written_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- A board without events was not written for a week. Then some of its cells are read instead of all.
INSERT INTO board_totals (run_id, cells, written_at)
  SELECT run_id, cells, coalesce(
    (SELECT at FROM board_events WHERE board_events.run_id = boards.run_id ORDER BY rev DESC LIMIT 1),
    (SELECT max(updated_at) FROM
      (SELECT updated_at FROM board_cells WHERE board_cells.run_id = boards.run_id LIMIT 1000)))
  FROM (SELECT run_id, count(*) AS cells FROM board_cells GROUP BY run_id) AS boards;
CREATE TRIGGER board_cell_added AFTER INSERT ON board_cells BEGIN
  INSERT INTO board_totals (run_id, cells, written_at) VALUES (new.run_id, 1, new.updated_at)
    ON CONFLICT (run_id) DO UPDATE SET cells = cells + 1, written_at = excluded.written_at;
END;
CREATE TRIGGER board_cell_written AFTER UPDATE OF rev ON board_cells BEGIN
  UPDATE board_totals SET written_at = new.updated_at WHERE run_id = new.run_id AND written_at <= new.updated_at - 1000;
END;
CREATE TRIGGER board_cell_removed AFTER DELETE ON board_cells BEGIN
  UPDATE board_totals SET cells = cells - 1 WHERE run_id = old.run_id;
  DELETE FROM board_totals WHERE run_id = old.run_id AND cells = 0;
END;

-- The row id of each cell in the search indexes. It grows with every write, so a descending scan of an index returns the
-- cells that were written last. A cell without a row here was indexed before this table existed, under its own id.
CREATE TABLE board_entries (
  entry INTEGER PRIMARY KEY,
  cell INTEGER NOT NULL UNIQUE
) STRICT;
-- The last row id that was given.
ALTER TABLE board_indexed ADD COLUMN entry INTEGER NOT NULL DEFAULT 0;
UPDATE board_indexed SET entry = coalesce((SELECT max(id) FROM board_cells), 0);

-- Counts expired entries without reading their rows.
DROP INDEX cache_entries_expiry;
CREATE INDEX cache_entries_expiry ON cache_entries (dead_at, ns, size);
CREATE INDEX cache_entries_ns ON cache_entries (ns);
CREATE INDEX cache_invalidations_rev ON cache_invalidations (rev);

-- The entries of each namespace, and of all in the row with an empty name, that no invalidation of everything covers: those
-- written after `since`, the revision of the last one that is not carried out completely.
CREATE TABLE cache_namespaces (
  ns TEXT PRIMARY KEY,
  entries INTEGER NOT NULL,
  size INTEGER NOT NULL,
  since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO cache_namespaces (ns, entries, size, since)
  SELECT stored.ns, count(e.rev), coalesce(sum(e.size), 0), stored.since FROM
    (SELECT ns, max(coalesce((SELECT rev FROM cache_invalidations WHERE kind = 'all' AND value = '' AND ns = ''), 0),
       coalesce((SELECT rev FROM cache_invalidations AS i WHERE kind = 'all' AND value = '' AND i.ns = e.ns), 0)) AS since
     FROM cache_entries AS e GROUP BY ns) AS stored
  LEFT JOIN cache_entries AS e ON e.ns = stored.ns AND e.rev > stored.since
  GROUP BY stored.ns;
INSERT INTO cache_namespaces (ns, entries, size, since)
  SELECT '', coalesce(sum(entries), 0), coalesce(sum(size), 0),
    coalesce((SELECT rev FROM cache_invalidations WHERE kind = 'all' AND value = '' AND ns = ''), 0)
  FROM cache_namespaces;
CREATE TRIGGER cache_namespace_added AFTER INSERT ON cache_entries BEGIN
  INSERT INTO cache_namespaces (ns, entries, size, since) VALUES ('', 1, new.size, 0), (new.ns, 1, new.size, 0)
    ON CONFLICT (ns) DO UPDATE SET entries = entries + 1, size = size + excluded.size;
END;
CREATE TRIGGER cache_namespace_removed AFTER DELETE ON cache_entries BEGIN
  UPDATE cache_namespaces SET entries = entries - 1, size = size - old.size
    WHERE ns IN ('', old.ns) AND old.rev > (SELECT max(since) FROM cache_namespaces WHERE ns IN ('', old.ns));
  DELETE FROM cache_namespaces WHERE ns = old.ns AND entries = 0 AND since = 0;
END;

-- The orders of scar_list.
CREATE INDEX scars_recent ON scars (last_seen);
CREATE INDEX scars_frequent ON scars (occurrences);
CREATE INDEX scars_severe ON scars (
  (1e14 * CASE severity WHEN 'critical' THEN 4 WHEN 'high' THEN 3 WHEN 'medium' THEN 2 WHEN 'low' THEN 1 ELSE 0 END + last_seen)
);

-- The number of scars in each state.
CREATE TABLE scar_states (
  state TEXT PRIMARY KEY,
  scars INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO scar_states (state, scars) VALUES
  ('open', 0), ('resolved', 0), ('regressed', 0), ('muted', 0), ('archived', 0);
UPDATE scar_states SET scars = (SELECT count(*) FROM scars WHERE scars.state = scar_states.state);
CREATE TRIGGER scar_state_added AFTER INSERT ON scars BEGIN
  UPDATE scar_states SET scars = scars + 1 WHERE state = new.state;
END;
CREATE TRIGGER scar_state_removed AFTER DELETE ON scars BEGIN
  UPDATE scar_states SET scars = scars - 1 WHERE state = old.state;
END;
CREATE TRIGGER scar_state_changed AFTER UPDATE OF state ON scars WHEN old.state <> new.state BEGIN
  UPDATE scar_states SET scars = scars - 1 WHERE state = old.state;
  UPDATE scar_states SET scars = scars + 1 WHERE state = new.state;
END;
