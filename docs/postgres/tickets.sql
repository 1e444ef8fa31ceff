-- A table that all tenants share: the template for yours. Run it as the role that owns your application's tables,
-- which must not be bulkhead_tools and needs USAGE on the schema bulkhead and EXECUTE on bulkhead.tenant().

CREATE TABLE tickets (
  tenant_id text COLLATE "C" NOT NULL DEFAULT bulkhead.tenant(),
  -- Random: a number that counts would tell how many rows the others have.
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  subject text NOT NULL CHECK (length(subject) BETWEEN 1 AND 200),
  status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'closed')),
  opened_at timestamptz NOT NULL DEFAULT now(),
  closed_at timestamptz,
  -- Every unique and foreign key begins with the tenant: a conflict with a row of another tenant would tell of it.
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX tickets_by_status ON tickets (tenant_id, status, opened_at DESC);
-- No statistics of what tenants write: the planner's estimates would tell which values are frequent.
ALTER TABLE tickets ALTER COLUMN subject SET STATISTICS 0;

-- FORCE: the policy also holds for the owner.
ALTER TABLE tickets ENABLE ROW LEVEL SECURITY;
ALTER TABLE tickets FORCE ROW LEVEL SECURITY;
-- A permissive policy is needed to see any row. The restrictive one holds whatever other policy is added later. The
-- function stands in a subquery, so that it runs once a statement and not once a row.
CREATE POLICY tenant_rows ON tickets
  USING (tenant_id = (SELECT bulkhead.tenant()));
CREATE POLICY tenant_only ON tickets AS RESTRICTIVE
  USING (tenant_id = (SELECT bulkhead.tenant()));

GRANT SELECT, INSERT, DELETE ON tickets TO bulkhead_tools;
GRANT UPDATE (subject, status, closed_at) ON tickets TO bulkhead_tools;
