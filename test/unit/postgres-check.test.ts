import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkDatabase, TENANT_FUNCTION } from '../../src/postgres/check.ts';
import { Link } from '../../src/postgres/link.ts';
import { ToolError } from '../../src/tools/errors.ts';
import { callSql, failureOf, never } from '../support/postgres/calling.ts';
import { canRun, tellLeftOut } from '../support/postgres/left-out.ts';
import { openShop, type Shop } from '../support/postgres/shop.ts';

tellLeftOut('the check of shared databases');

test('the check expects the function that the documents install', () => {
  const install = readFileSync('docs/postgres/install.sql', 'utf8');
  const body = /CREATE FUNCTION bulkhead\.tenant\(\)[^$]*\$body\$([^$]*)\$body\$/.exec(install)?.[1] ?? '';
  expect(createHash('sha256').update(body).digest('hex')).toBe(TENANT_FUNCTION);
});

describe.runIf(canRun)('the check of a shared database', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await openShop();
  });
  afterAll(() => shop?.stop());

  const problems = async () => {
    const link = await Link.open(shop.url, never);
    const found = await checkDatabase(link);
    await link.close();
    return found;
  };
  const definer = (name: string) =>
    `CREATE FUNCTION ${name}() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'`;
  const guarded = (name: string, columns: string) =>
    `
      CREATE TABLE ${name} (tenant_id text COLLATE "C" NOT NULL, ${columns});
      ALTER TABLE ${name} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
      CREATE POLICY p ON ${name} USING (tenant_id = (SELECT bulkhead.tenant()));
      CREATE POLICY r ON ${name} AS RESTRICTIVE USING (tenant_id = (SELECT bulkhead.tenant()));
      GRANT SELECT ON ${name} TO bulkhead_tools`.replaceAll(/\s+/g, ' ');

  test('finds nothing in what the documents install', async () => {
    expect(await problems()).toEqual([]);
  });

  test.each([
    [
      'ALTER ROLE bulkhead_tools BYPASSRLS',
      'ALTER ROLE bulkhead_tools NOBYPASSRLS',
      'BYPASSRLS of the role bulkhead_tools',
    ],
    ['ALTER ROLE bulkhead_tools CREATEROLE', 'ALTER ROLE bulkhead_tools NOCREATEROLE', 'CREATEROLE'],
    ['ALTER ROLE bulkhead_tools SUPERUSER', 'ALTER ROLE bulkhead_tools NOSUPERUSER', 'is a superuser'],
    [
      'GRANT pg_read_all_data TO bulkhead_tools',
      'REVOKE pg_read_all_data FROM bulkhead_tools',
      'member of the role pg_read_all_data',
    ],
    [
      'CREATE TABLE own (a int); ALTER TABLE own OWNER TO bulkhead_tools',
      'DROP TABLE own',
      'owns table public.own',
    ],
    [
      'GRANT TEMPORARY ON DATABASE shop TO PUBLIC',
      'REVOKE TEMPORARY ON DATABASE shop FROM PUBLIC',
      'TEMPORARY on the database',
    ],
    [
      'GRANT CREATE ON SCHEMA public TO PUBLIC',
      'REVOKE CREATE ON SCHEMA public FROM PUBLIC',
      'CREATE on the schema public',
    ],
    [
      'GRANT TRUNCATE ON tickets TO bulkhead_tools',
      'REVOKE TRUNCATE ON tickets FROM bulkhead_tools',
      'TRUNCATE on public.tickets',
    ],
    [
      'GRANT SET ON PARAMETER track_activities TO bulkhead_tools',
      'REVOKE SET ON PARAMETER track_activities FROM bulkhead_tools',
      'SET on the parameter track_activities',
    ],
    [
      'GRANT SELECT ON pg_catalog.pg_statistic TO PUBLIC',
      'REVOKE SELECT ON pg_catalog.pg_statistic FROM PUBLIC',
      'may use pg_catalog.pg_statistic',
    ],
    [
      'GRANT EXECUTE ON FUNCTION pg_read_file(text) TO bulkhead_tools',
      'REVOKE EXECUTE ON FUNCTION pg_read_file(text) FROM bulkhead_tools',
      'may use pg_read_file(text)',
    ],
    [
      'ALTER ROLE bulkhead_tools RESET track_activities',
      'ALTER ROLE bulkhead_tools SET track_activities = off',
      'shown in pg_stat_activity',
    ],
    [
      'CREATE TABLE bare (a int); GRANT SELECT ON bare TO bulkhead_tools',
      'DROP TABLE bare',
      'public.bare has no row-level security',
    ],
    [
      'CREATE TABLE part (a int); GRANT UPDATE (a) ON part TO PUBLIC',
      'DROP TABLE part',
      'public.part has no row-level security',
    ],
    [
      'ALTER TABLE tickets NO FORCE ROW LEVEL SECURITY',
      'ALTER TABLE tickets FORCE ROW LEVEL SECURITY',
      'of public.tickets is not forced',
    ],
    [
      'ALTER POLICY tenant_only ON tickets USING (true)',
      'ALTER POLICY tenant_only ON tickets USING (tenant_id = (SELECT bulkhead.tenant()))',
      'public.tickets has no restrictive policy',
    ],
    [
      'CREATE POLICY more ON tickets FOR SELECT USING (true)',
      'DROP POLICY more ON tickets',
      'permissive policy more on public.tickets',
    ],
    [
      'CREATE VIEW peek AS SELECT * FROM tickets; GRANT SELECT ON peek TO bulkhead_tools',
      'DROP VIEW peek',
      'The view public.peek',
    ],
    [
      'CREATE MATERIALIZED VIEW copied AS SELECT * FROM tickets; GRANT SELECT ON copied TO bulkhead_tools',
      'DROP MATERIALIZED VIEW copied',
      'may use public.copied',
    ],
    [definer('peek'), 'DROP FUNCTION peek()', 'SECURITY DEFINER function public.peek()'],
    [
      guarded('counted', 'n int GENERATED ALWAYS AS IDENTITY'),
      'DROP TABLE counted',
      'n of public.counted counts',
    ],
    [
      guarded('keyed', 'name text UNIQUE'),
      'DROP TABLE keyed',
      'keyed_name_key of public.keyed does not begin',
    ],
    [
      'CREATE SEQUENCE seq; GRANT USAGE ON SEQUENCE seq TO bulkhead_tools',
      'DROP SEQUENCE seq',
      'sequence public.seq',
    ],
    [
      'CREATE RULE r AS ON DELETE TO tickets DO INSTEAD NOTHING',
      'DROP RULE r ON tickets',
      'The rule r on public.tickets',
    ],
    [
      "CREATE OR REPLACE FUNCTION bulkhead.tenant() RETURNS text LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ BEGIN RETURN 'globex'; END $$",
      '',
      'bulkhead.tenant() is not the one',
    ],
  ])('%s is named', async (harm, repair, named) => {
    const tenant = await shop.asAdmin("SELECT pg_get_functiondef('bulkhead.tenant()'::regprocedure) AS text");
    await shop.asAdmin(harm);
    const found = await problems();
    await shop.asAdmin(repair === '' ? String(tenant[0]?.text) : repair);
    expect(found.join(' ')).toContain(named);
    expect(await problems()).toEqual([]);
  });

  test('a view with security_invoker and a table of the documented form are fine', async () => {
    await shop.asAdmin(`${guarded('fine', 'PRIMARY KEY (tenant_id)')};
        CREATE VIEW open_tickets WITH (security_invoker = true) AS SELECT * FROM tickets;
        GRANT SELECT ON open_tickets TO bulkhead_tools`);
    expect(await problems()).toEqual([]);
    await shop.asAdmin('DROP TABLE fine; DROP VIEW open_tickets');
  });

  test('a database that became unsafe is not used once a minute has passed', async () => {
    const read = (now: number) => failureOf(callSql(shop, { now }, (sql) => sql`SELECT 1`));
    expect(await read(1_000_000)).toBeUndefined();
    await shop.asAdmin('CREATE TABLE bare (a int); GRANT SELECT ON bare TO bulkhead_tools');
    expect(await read(1_059_999)).toBeUndefined();
    const failure = await read(1_060_000);
    expect(failure).not.toBeInstanceOf(ToolError);
    expect(String(failure)).toContain(
      'orders is not safe to share: The table public.bare has no row-level security',
    );
    await shop.asAdmin('DROP TABLE bare');
    expect(await read(1_060_001)).toBeUndefined();
  });
});
