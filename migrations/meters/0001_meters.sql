-- The metrics of the deployment: one row for each series, with the sums since the beginning as a JSON array: one number, or the
-- buckets of a histogram, their count and their sum. `tenant` is empty for a series that is not one of a tenant.
CREATE TABLE series (
  metric TEXT NOT NULL,
  tenant TEXT NOT NULL,
  labels TEXT NOT NULL,
  sums TEXT NOT NULL,
  PRIMARY KEY (metric, tenant, labels)
) STRICT, WITHOUT ROWID;

-- What each tenant was like when it reported last.
CREATE TABLE tenants (
  id TEXT PRIMARY KEY,
  reported_at INTEGER NOT NULL,
  storage_bytes INTEGER NOT NULL,
  limit_remaining_ratio REAL NOT NULL,
  open_streams INTEGER NOT NULL,
  waiters INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The newest signed head of each tenant's records, where nobody in the tenant can change it.
CREATE TABLE anchors (
  tenant TEXT PRIMARY KEY,
  record INTEGER NOT NULL,
  at INTEGER NOT NULL,
  head TEXT NOT NULL,
  kid TEXT NOT NULL,
  mac TEXT NOT NULL
) STRICT, WITHOUT ROWID;
