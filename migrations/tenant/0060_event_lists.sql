-- The events by key and by board. An index would be changed by each write, which dirties a page of each; these tables get
-- the events up to `board_indexed.rev` in batches. The few later ones are found by their revision.
CREATE TABLE board_versions (
  run_id TEXT NOT NULL,
  key TEXT NOT NULL,
  rev INTEGER NOT NULL,
  PRIMARY KEY (run_id, key, rev)
) STRICT, WITHOUT ROWID;
CREATE TABLE board_log (
  run_id TEXT NOT NULL,
  rev INTEGER NOT NULL,
  key TEXT NOT NULL,
  PRIMARY KEY (run_id, rev)
) STRICT, WITHOUT ROWID;
-- In the order of the indexes, which are read instead of the events, so that the tables are only appended to.
INSERT INTO board_versions (run_id, key, rev) SELECT run_id, key, rev FROM board_events INDEXED BY board_events_key
  WHERE rev <= (SELECT rev FROM board_indexed) ORDER BY run_id, key, rev;
DROP INDEX board_events_key;
INSERT INTO board_log (run_id, rev, key) SELECT run_id, rev, key FROM board_events INDEXED BY board_events_run
  WHERE rev <= (SELECT rev FROM board_indexed) ORDER BY run_id, rev;
DROP INDEX board_events_run;
CREATE TRIGGER board_event_removed AFTER DELETE ON board_events BEGIN
  DELETE FROM board_versions WHERE run_id = old.run_id AND key = old.key AND rev = old.rev;
  DELETE FROM board_log WHERE run_id = old.run_id AND rev = old.rev;
END;
