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
  const guarded = (name: string, columns: string, more = '') =>
    `
      CREATE TABLE ${name} (tenant_id text COLLATE "C" NOT NULL, ${columns}) ${more};
      ALTER TABLE ${name} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
      CREATE POLICY p ON ${name} USING (tenant_id = (SELECT bulkhead.tenant()));
      CREATE POLICY r ON ${name} AS RESTRICTIVE USING (tenant_id = (SELECT bulkhead.tenant()));
      GRANT SELECT ON ${name} TO bulkhead_tools`.replaceAll(/\s+/g, ' ');

  const trigger = (on: string, when: string) =>
    `CREATE FUNCTION trig() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN NEW; END';
      REVOKE EXECUTE ON FUNCTION trig() FROM PUBLIC;
      CREATE TRIGGER watch ${when} ON ${on} FOR EACH ROW EXECUTE FUNCTION trig()`;
  const parted = (name: string) =>
    `${guarded(name, 'email text', 'PARTITION BY LIST (tenant_id)')};
      CREATE TABLE ${name}_1 PARTITION OF ${name} DEFAULT`;

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
      `${parted('halves')}; CREATE UNIQUE INDEX by_email ON halves_1 (email)`,
      'DROP TABLE halves',
      'by_email of public.halves_1 does not begin',
    ],
    [
      `${guarded('old', 'email text')}; CREATE TABLE young (UNIQUE (email)) INHERITS (old)`,
      'DROP TABLE young, old',
      'young_email_key of public.young does not begin',
    ],
    [
      `CREATE COLLATION vague (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
        ${guarded('vaguely', 'a int')}; CREATE UNIQUE INDEX by_a ON vaguely (tenant_id COLLATE vague, a)`,
      'DROP TABLE vaguely; DROP COLLATION vague',
      'by_a of public.vaguely does not begin',
    ],
    [
      `CREATE EXTENSION btree_gist; ${guarded('apart', 'a int, EXCLUDE USING gist (tenant_id WITH <>, a WITH =)')}`,
      'DROP TABLE apart; DROP EXTENSION btree_gist',
      'apart_tenant_id_a_excl of public.apart does not begin',
    ],
    [
      `${parted('halves')}; ${trigger('halves_1', 'BEFORE INSERT')}`,
      'DROP TABLE halves; DROP FUNCTION trig()',
      'trigger watch on public.halves_1',
    ],
    [
      `CREATE VIEW thin WITH (security_invoker = true) AS SELECT * FROM tickets; GRANT INSERT ON thin TO PUBLIC;
        ${trigger('thin', 'INSTEAD OF INSERT')}`,
      'DROP VIEW thin; DROP FUNCTION trig()',
      'trigger watch on public.thin',
    ],
    [
      `CREATE FUNCTION step(text, text) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT $1';
        REVOKE EXECUTE ON FUNCTION step(text, text) FROM PUBLIC; CREATE AGGREGATE total(text) (SFUNC = step, STYPE = text)`,
      'DROP AGGREGATE total(text); DROP FUNCTION step(text, text)',
      'public.step(text,text) through public.total(text)',
    ],
    [
      'ALTER FUNCTION pg_catalog.textlike(text, text) LEAKPROOF',
      'ALTER FUNCTION pg_catalog.textlike(text, text) NOT LEAKPROOF',
      'textlike(text,text) was made LEAKPROOF',
    ],
    [
      'CREATE VIEW information_schema.peek AS SELECT * FROM public.tickets; GRANT SELECT ON information_schema.peek TO PUBLIC',
      'DROP VIEW information_schema.peek',
      'The view information_schema.peek',
    ],
    [
      'GRANT SELECT (rolname, rolpassword) ON pg_authid TO bulkhead_tools',
      'REVOKE SELECT (rolname, rolpassword) ON pg_authid FROM bulkhead_tools',
      'may use pg_catalog.pg_authid',
    ],
    [
      'CREATE EXTENSION postgres_fdw; CREATE SERVER loop FOREIGN DATA WRAPPER postgres_fdw; GRANT USAGE ON FOREIGN SERVER loop TO PUBLIC',
      'DROP EXTENSION postgres_fdw CASCADE',
      'USAGE on the foreign server loop',
    ],
    ['CREATE EXTENSION dblink', 'DROP EXTENSION dblink', 'functions of the extension dblink'],
    [
      'CREATE EXTENSION pgstattuple; GRANT EXECUTE ON FUNCTION pgstattuple(regclass) TO PUBLIC',
      'DROP EXTENSION pgstattuple',
      'may use public.pgstattuple(regclass)',
    ],
    [
      'ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO bulkhead_tools',
      'ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE SELECT ON TABLES FROM bulkhead_tools',
      'new tables of the role postgres',
    ],
    [
      'GRANT SELECT ON tickets TO bulkhead_tools WITH GRANT OPTION',
      'REVOKE GRANT OPTION FOR SELECT ON tickets FROM bulkhead_tools',
      'to grant what it has on public.tickets',
    ],
    [
      'SELECT lo_create(4711); GRANT SELECT ON LARGE OBJECT 4711 TO bulkhead_tools',
      'SELECT lo_unlink(4711)',
      'may use large object 4711',
    ],
    [
      'ALTER ROLE bulkhead_tools SET lo_compat_privileges = on',
      'ALTER ROLE bulkhead_tools RESET lo_compat_privileges',
      'another lo_compat_privileges',
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
  });

  test('finds nothing once all of that is repaired', async () => {
    expect(await problems()).toEqual([]);
  });

  test('a view with security_invoker and tables of the documented form are fine', async () => {
    await shop.asAdmin(`${guarded('fine', 'PRIMARY KEY (tenant_id)')}; ${parted('halves')};
        CREATE UNIQUE INDEX ON halves_1 (tenant_id, email);
        CREATE TABLE heir (FOREIGN KEY (tenant_id) REFERENCES fine (tenant_id)) INHERITS (fine);
        CREATE VIEW open_tickets WITH (security_invoker = true) AS SELECT * FROM tickets;
        GRANT SELECT ON open_tickets TO bulkhead_tools`);
    expect(await problems()).toEqual([]);
    await shop.asAdmin('DROP TABLE heir, fine, halves; DROP VIEW open_tickets');
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
