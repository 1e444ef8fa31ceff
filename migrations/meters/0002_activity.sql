-- What each tenant has done lately and was like when it reported last, for the operator's list. Calls are counted in windows of five
-- minutes: the newest in which the tenant has reported, and the one before that.
CREATE TABLE activity (
  id TEXT PRIMARY KEY,
  reported_at INTEGER NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('active', 'suspended')),
  storage_bytes INTEGER NOT NULL,
  storage_quota_bytes INTEGER NOT NULL,
  limit_remaining_ratio REAL NOT NULL,
  -- The number of the window since the epoch.
  window INTEGER NOT NULL,
  calls INTEGER NOT NULL,
  not_ok INTEGER NOT NULL,
  refused INTEGER NOT NULL,
  calls_before INTEGER NOT NULL,
  not_ok_before INTEGER NOT NULL,
  refused_before INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX activity_by_report ON activity (reported_at);
