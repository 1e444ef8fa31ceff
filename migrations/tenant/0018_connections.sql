-- How tools reach the tenant's own systems. A secret is stored encrypted, together with its encrypted key, and the key that
-- encrypts that one is not stored with any tenant.
CREATE TABLE connections (
  name TEXT PRIMARY KEY,
  -- What kind it is, where it leads and how it sends its secret, as JSON.
  target TEXT NOT NULL,
  secret TEXT NOT NULL,
  -- Which key of the deployment encrypts the secret's key.
  key_id TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  -- The circuit breaker: how often it has opened in a row, and until when it is open; 0 and 0 when it is closed.
  opens INTEGER NOT NULL DEFAULT 0,
  open_until INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
