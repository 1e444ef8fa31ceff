-- The indexes of events by key and by board get the events up to `board_indexed.rev` in batches, because each write would dirty a
-- page of each. The few later ones, which have 0 here, are found by their revision.
ALTER TABLE board_events ADD COLUMN indexed INTEGER NOT NULL DEFAULT 1;
DROP INDEX board_events_key;
DROP INDEX board_events_run;
CREATE INDEX board_events_key ON board_events (run_id, key, rev) WHERE indexed = 1;
CREATE INDEX board_events_run ON board_events (run_id, rev, key) WHERE indexed = 1;
