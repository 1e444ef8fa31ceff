-- What each token has used on each day (UTC, as days since 1970). `charged` are the calls that count against a quota of calls.
-- Derived from `records`, which are kept for a shorter time: `usage_id` is the newest record that is counted here, and
-- `metered_id` the newest one that the metrics of the deployment contain.
CREATE TABLE usage (
  day INTEGER NOT NULL,
  token_id TEXT NOT NULL,
  calls INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  refused INTEGER NOT NULL,
  charged INTEGER NOT NULL,
  work INTEGER NOT NULL,
  bytes_in INTEGER NOT NULL,
  bytes_out INTEGER NOT NULL,
  saved_micro_usd INTEGER NOT NULL,
  PRIMARY KEY (day, token_id)
) STRICT, WITHOUT ROWID;

ALTER TABLE ledger ADD COLUMN usage_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ledger ADD COLUMN usage_rows INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ledger ADD COLUMN metered_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tenant ADD COLUMN calls_per_day INTEGER;
ALTER TABLE tenant ADD COLUMN calls_per_month INTEGER;

-- The records of an older release are counted once.
INSERT INTO usage
  SELECT at / 86400000, token_id,
    sum(iif(outcome IN ('refused', 'unknown_tool', 'deferred') OR scope IS NOT NULL, 0, times)),
    sum(iif(outcome = 'error' AND scope IS NULL, times, 0)),
    sum(iif(outcome IN ('refused', 'unknown_tool') OR scope IS NOT NULL, times, 0)),
    sum(iif(work > 0, times, 0)),
    sum(work),
    sum(iif(outcome = 'deferred', 0, bytes_in)),
    sum(bytes_out),
    sum(saved_micro_usd)
  FROM records
  GROUP BY 1, 2;
UPDATE ledger SET usage_id = last_id, metered_id = last_id, usage_rows = (SELECT count(*) FROM usage);
