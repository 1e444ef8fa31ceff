-- What a queue stores about its items, and when cells and claims have expired.

-- 1: the cell has a result, so it is not offered again. While nobody holds it, its claim_until is 9007199254740991 without a
-- claim_id: that excludes it from the indexes of free cells. In the same way claim_until of a delayed cell is the end of the delay.
ALTER TABLE board_cells ADD COLUMN done INTEGER NOT NULL DEFAULT 0;
-- When the current claim was started; null for claims that were started before this column existed.
ALTER TABLE board_cells ADD COLUMN claimed_at INTEGER;
-- Why the last attempt failed, as its worker gave it.
ALTER TABLE board_cells ADD COLUMN failure TEXT;

-- Cells by claim state in order of key. Each index has few entries, or none.
CREATE INDEX board_cells_held ON board_cells (run_id, key, expires_at, claim_until) WHERE claim_id IS NOT NULL;
CREATE INDEX board_cells_done ON board_cells (run_id, key, expires_at)
  WHERE claim_id IS NULL AND claim_until = 9007199254740991;
CREATE INDEX board_cells_delayed ON board_cells (run_id, key, expires_at, claim_until)
  WHERE claim_id IS NULL AND claim_until < 9007199254740991;
-- Claims and delays of all boards in the order in which they end.
CREATE INDEX board_cells_due ON board_cells (claim_until) WHERE claim_until < 9007199254740991;

-- An expired cell is logged as a `delete` with the time at which it expired, an expired claim as a `release`. `at` is the time
-- at which the event was logged, so it grows with rev.
ALTER TABLE board_events ADD COLUMN expired_at INTEGER;
ALTER TABLE board_marks ADD COLUMN expired_at INTEGER;
-- How a claim ended, if it was not released.
ALTER TABLE board_marks ADD COLUMN ended TEXT CHECK (ended IN ('expired', 'taken_over', 'deleted', 'cell_expired'));
