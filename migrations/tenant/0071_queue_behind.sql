-- A write of a free cell changes no longer the index of free cells, which would dirty a page of its own: the revision that the
-- index has is `queued`, and one that is written later is `newer` until the indexes of events and texts catch up.
DROP TRIGGER board_cell_written;
ALTER TABLE board_cells RENAME COLUMN rev TO queued;
ALTER TABLE board_cells ADD COLUMN newer INTEGER;
ALTER TABLE board_cells ADD COLUMN rev INTEGER AS (coalesce(newer, queued)) VIRTUAL;
CREATE TRIGGER board_cell_written AFTER UPDATE OF newer ON board_cells WHEN new.newer IS NOT NULL BEGIN
  UPDATE board_totals SET written_at = new.updated_at WHERE run_id = new.run_id AND written_at <= new.updated_at - 1000;
END;
