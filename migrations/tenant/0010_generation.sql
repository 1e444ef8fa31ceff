-- Which creation of the tenant this is. The operator's list compares it, so that an older creation never overwrites a newer one.
ALTER TABLE tenant ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
