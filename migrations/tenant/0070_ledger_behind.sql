-- A call that writes changes no longer the ledger: its record says what it has changed. The newest record whose charge `buckets` has.
ALTER TABLE ledger ADD COLUMN charged_id INTEGER NOT NULL DEFAULT 0;
UPDATE ledger SET charged_id = last_id;
