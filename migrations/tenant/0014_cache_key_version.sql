-- The version of the key of an entry, a lease and a missed question. Those from before this migration have keys of version 1.
ALTER TABLE cache_entries ADD COLUMN key_version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE cache_leases ADD COLUMN key_version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE cache_asked ADD COLUMN key_version INTEGER NOT NULL DEFAULT 1;

-- Empty once what version 1 stored has expired; from then on no key of version 1 is computed.
CREATE INDEX cache_entries_of_v1 ON cache_entries (key_version) WHERE key_version = 1;
CREATE INDEX cache_leases_of_v1 ON cache_leases (key_version) WHERE key_version = 1;
