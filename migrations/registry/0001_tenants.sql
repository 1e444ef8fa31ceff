-- Which tenants exist, for the operator's list. What a tenant may do is known to the tenant alone.
CREATE TABLE tenants (
  id TEXT PRIMARY KEY,
  status TEXT NOT NULL CHECK (status IN ('active', 'suspended')),
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
