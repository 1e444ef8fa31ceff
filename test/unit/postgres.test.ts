import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseDatabases } from '../../src/postgres/databases.ts';
import { MAX_BYTES } from '../../src/postgres/link.ts';
import { ToolError } from '../../src/tools/errors.ts';
import type { Sql } from '../../src/tools/sql.ts';
import { Random } from '../support/fuzz/random.ts';
import { type Call, callSql, failureOf, openCall } from '../support/postgres/calling.ts';
import { canRun, tellLeftOut } from '../support/postgres/left-out.ts';
import { openShop, type Shop } from '../support/postgres/shop.ts';

tellLeftOut('shared databases');

test('the setting DATABASES is read, or refused as a whole', () => {
  const key = `k1:${Buffer.alloc(32, 7).toString('base64url')}`;
  const url = 'postgres://bulkhead_tools:secret@db.example/shop?sslmode=verify-full';
  const parse = (value: unknown) => parseDatabases(JSON.stringify(value));
  expect(parseDatabases('')).toEqual([]);
  for (const host of ['127.0.0.1:5432', 'localhost', '[::1]'])
    expect(parse({ orders: { url: `postgres://bulkhead_tools@${host}/shop`, key } })).toHaveLength(1);
  expect(parse({ orders: { url, key }, stock: { hyperdrive: 'STOCK', key, timeout_ms: 100 } })).toEqual([
    {
      name: 'orders',
      connection: { url },
      key: { kid: 'k1', secret: new Uint8Array(32).fill(7) },
      timeoutMs: 5000,
    },
    { name: 'stock', connection: { hyperdrive: 'STOCK' }, key: expect.anything(), timeoutMs: 100 },
  ]);
  const wrong = [
    { Orders: { url, key } },
    { orders: { url, key: 'k1:short' } },
    ...['', '?sslmode=no-verify', '?sslmode=disable', '?sslmode=prefer'].map((end) => ({
      orders: { url: `postgres://bulkhead_tools@db.example/shop${end}`, key },
    })),
    { orders: { url: `${url}&sslrootcert=/ca.pem`, key } },
    { orders: { url: `postgres://bulkhead_tools@127.0.0.1/shop?host=db.example`, key } },
    { orders: { url: 'https://db.example', key } },
    { orders: { key } },
    { orders: { url, hyperdrive: 'STOCK', key } },
    { orders: { url, key, timeout_ms: 0 } },
    Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`db${index}`, { url, key }])),
    [],
  ];
  for (const value of wrong) expect(parse(value)).toBeUndefined();
  expect(parseDatabases('{')).toBeUndefined();
});

describe.runIf(canRun)('sql on a database of all tenants', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await openShop();
    await shop.asAdmin(
      "INSERT INTO tickets (tenant_id, subject) VALUES ('acme', 'printer'), ('globex', 'canary')",
    );
  });
  afterAll(() => shop?.stop());

  const calling = <T>(call: Call, work: (sql: Sql) => Promise<T>) => callSql(shop, call, work);
  const reading = <T>(work: (sql: Sql) => Promise<T>) => calling({}, work);

  test('each tenant reads and writes its own rows, without naming itself', async () => {
    const subjects = (sql: Sql) => sql`SELECT subject FROM tickets ORDER BY subject`;
    await calling({ tenant: 'initech', writes: true }, async (sql) => {
      expect(await sql`INSERT INTO tickets (subject) VALUES (${'fax'}) RETURNING tenant_id, subject`).toEqual(
        [{ tenant_id: 'initech', subject: 'fax' }],
      );
      expect(await sql`UPDATE tickets SET status = 'closed' RETURNING subject`).toEqual([{ subject: 'fax' }]);
      expect(await sql`DELETE FROM tickets WHERE subject = 'canary' RETURNING id`).toEqual([]);
    });
    expect(await calling({ tenant: 'initech' }, subjects)).toEqual([{ subject: 'fax' }]);
    expect(await calling({ tenant: 'acme' }, subjects)).toEqual([{ subject: 'printer' }]);
    expect(await calling({ tenant: 'globex' }, subjects)).toEqual([{ subject: 'canary' }]);
  });

  test('a row of another tenant cannot be written', async () => {
    const insert = calling(
      { writes: true },
      (sql) => sql`INSERT INTO tickets (tenant_id, subject) VALUES ('globex', 'x')`,
    );
    expect(await failureOf(insert)).toMatchObject({ code: 'forbidden' });
    const move = calling({ writes: true }, (sql) => sql`UPDATE tickets SET tenant_id = 'globex'`);
    expect(await failureOf(move)).toMatchObject({ code: 'forbidden' });
  });

  test('a key that another tenant has is free', async () => {
    const [taken] = await shop.asAdmin("SELECT id FROM tickets WHERE tenant_id = 'globex'");
    const insert = (sql: Sql) =>
      sql`INSERT INTO tickets (id, subject) VALUES (${String(taken?.id)}, 'same') RETURNING subject`;
    expect(await calling({ tenant: 'hooli', writes: true }, insert)).toEqual([{ subject: 'same' }]);
    expect(await failureOf(calling({ tenant: 'hooli', writes: true }, insert))).toMatchObject({
      code: 'invalid_input',
    });
  });

  test('values are parameters, and come back as they are documented', async () => {
    const [row] = await reading(
      (
        sql,
      ) => sql`SELECT ${'x'}::text AS text, ${1.5}::float8 AS float, ${true}::bool AS bool, ${null}::int AS none,
        ${['a', 'b, "c"']}::text[] AS list, 7 AS int4, 7::int8 AS int8, 1.10 AS numeric, '{"a":[1]}'::jsonb AS json,
        '2026-11-26 12:00:00.25+02'::timestamptz AS at, '2026-11-26'::date AS day`,
    );
    expect(row).toEqual({
      text: 'x',
      float: 1.5,
      bool: true,
      none: null,
      list: '{a,"b, \\"c\\""}',
      int4: 7,
      int8: '7',
      numeric: '1.10',
      json: { a: [1] },
      at: '2026-11-26T10:00:00.25Z',
      day: '2026-11-26',
    });
    const inexact = reading((sql) => sql`SELECT ${Number.NaN}`);
    expect(await failureOf(inexact)).toBeInstanceOf(TypeError);
  });

  test('no parameter is read as SQL', async () => {
    const random = new Random(1);
    const parts = [
      "'",
      '"',
      '\\',
      '$1',
      '$$',
      '--',
      '/*',
      ';',
      '\n',
      '\u2028',
      '\uFEFF',
      '𝕊',
      'é',
      '%',
      '{',
      'NULL',
      ' ',
    ];
    const values = Array.from({ length: 60 }, () =>
      Array.from({ length: random.below(12) }, () => random.pick(parts)).join(''),
    );
    await reading(async (sql) => {
      for (const value of values) expect(await sql`SELECT ${value}::text AS value`).toEqual([{ value }]);
      expect(
        await sql`SELECT ${values}::text[] = ARRAY(SELECT jsonb_array_elements_text(${JSON.stringify(values)}::jsonb)) AS same`,
      ).toEqual([{ same: true }]);
    });
  });

  test.each([
    'COMMIT',
    'ROLLBACK AND CHAIN',
    '/* a /* b */ c */ -- d\n END',
    'SET ROLE postgres',
    'RESET ALL',
    'DISCARD ALL',
    'BEGIN',
    'COPY tickets TO STDOUT',
    'DO $$ BEGIN END $$',
    'EXPLAIN ANALYZE SELECT 1',
    'PREPARE x AS SELECT 1',
    'DECLARE c CURSOR WITH HOLD FOR SELECT 1',
    'LISTEN x',
    'LOCK TABLE tickets',
    '--\rEXPLAIN ANALYZE --\nSELECT 1',
    "--\rALTER ROLE bulkhead_tools PASSWORD '\nselect'",
    'selectx',
    'SELECT 1\0',
    '',
  ])('%j is not sent, because it is no statement on rows', async (text) => {
    const failure = await failureOf(calling({ writes: true }, (sql) => sql.query(text)));
    expect(String(failure)).toContain('must begin with SELECT');
  });

  test('a text has one statement, with parameters and without', async () => {
    for (const values of [[], ['x']]) {
      const text = `SELECT ${values.length === 0 ? "'x'" : '$1::text'}; COMMIT`;
      const failure = await failureOf(calling({ writes: true }, (sql) => sql.query(text, values)));
      expect(String(failure)).toContain('SQLSTATE 42601: cannot insert multiple commands');
    }
  });

  test('a tool that does not declare that it writes cannot write', async () => {
    const texts = [
      "INSERT INTO tickets (subject) VALUES ('x')",
      "SELECT set_config('transaction_read_only', 'off', true)",
      'WITH gone AS (DELETE FROM tickets RETURNING 1) SELECT * FROM gone',
    ];
    for (const text of texts) {
      const failure = await failureOf(reading((sql) => sql.query(text)));
      expect(failure).toBeInstanceOf(Error);
      expect(failure).not.toBeInstanceOf(ToolError);
    }
    expect(await reading((sql) => sql`SELECT count(*) AS n FROM tickets`)).toEqual([{ n: '1' }]);
  });

  test('a statement starts in a clean session, whatever the one before it left', async () => {
    await calling({ writes: true }, async (sql) => {
      await sql`SELECT set_config('search_path', 'nowhere', false), set_config('statement_timeout', '1', false),
        set_config('bulkhead.claim', 'k1:x:globex', false), set_config('client_encoding', 'LATIN1', false),
        set_config('TimeZone', 'Asia/Tokyo', false), set_config('row_security', 'off', false)`;
      expect(await sql`SELECT subject, current_setting('client_encoding') AS encoding FROM tickets`).toEqual([
        { subject: 'printer', encoding: 'UTF8' },
      ]);
    });
  });

  test('a large result is refused before it is received, and the call goes on', async () => {
    await reading(async (sql) => {
      expect(await failureOf(sql`SELECT n FROM generate_series(1, 1000000) AS n`)).toMatchObject({
        code: 'too_large',
        detail: { limit: 1000 },
      });
      const wide = sql`SELECT repeat('x', 20000000) AS wide`;
      expect(await failureOf(wide)).toMatchObject({ code: 'too_large', detail: { limit: MAX_BYTES } });
      expect(await sql`SELECT n FROM generate_series(1, 1000) AS n`).toHaveLength(1000);
    });
  });

  test('a write whose result is too large has not happened', async () => {
    const flood = calling(
      { tenant: 'flood', writes: true },
      (sql) => sql`INSERT INTO tickets (subject) SELECT 'x' FROM generate_series(1, 1001) RETURNING id`,
    );
    expect(await failureOf(flood)).toMatchObject({ code: 'too_large' });
    expect(await calling({ tenant: 'flood' }, (sql) => sql`SELECT count(*) AS n FROM tickets`)).toEqual([
      { n: '0' },
    ]);
  });

  test.each([
    ['SELECT $1::int', ['x'], 'invalid_input'],
    ['SELECT $1::text', ['a\0b'], 'invalid_input'],
    ["INSERT INTO tickets (subject, status) VALUES ('x', 'lost')", [], 'invalid_input'],
    ['SELECT * FROM bulkhead.signing_keys', [], 'forbidden'],
    ['SELECT pg_cancel_backend(1)', [], 'forbidden'],
    ['SELECT pg_sleep(60)', [], 'unavailable'],
  ])('%s is answered with a code and nothing of the database', async (text, values, code) => {
    const call = { writes: true, timeoutMs: 50 };
    const failure = await failureOf(calling(call, (sql) => sql.query(text, values)));
    expect(failure).toMatchObject({ name: 'ToolError', code });
    expect(String(failure)).not.toMatch(/integer|tickets|signing|pg_|statement_timeout|22P02/);
  });

  test('a database that cannot be reached is unavailable', async () => {
    const failure = await failureOf(calling({ url: 'postgres://x@127.0.0.1:1/x' }, (sql) => sql`SELECT 1`));
    expect(failure).toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('cannot be reached'),
    });
  });

  test('a call that is cancelled ends its statement, also in the database', async () => {
    const call = new AbortController();
    await calling({ signal: call.signal }, async (sql) => {
      const [row] = await sql`SELECT pg_backend_pid() AS pid`;
      const slow = failureOf(sql`SELECT pg_sleep(60)`);
      call.abort();
      expect(await slow).toMatchObject({ code: 'unavailable' });
      await expect
        .poll(() => shop.asAdmin(`SELECT pid FROM pg_stat_activity WHERE pid = ${Number(row?.pid)}`), {
          timeout: 10_000,
        })
        .toEqual([]);
    });
  });

  test('the statements of one call run one after the other, and none after its end', async () => {
    const { sql, close } = openCall(shop);
    const pids = await Promise.all([1, 2, 3].map(() => sql`SELECT pg_backend_pid() AS pid`));
    expect(new Set(pids.map(([row]) => row?.pid)).size).toBe(1);
    const many = await Promise.allSettled(Array.from({ length: 98 }, () => sql`SELECT 1`));
    expect(many.filter(({ status }) => status === 'rejected')).toHaveLength(1);
    await close();
    await expect(sql`SELECT 1`).rejects.toThrow();
  });

  test('other sessions of the login show no statement', async () => {
    const seen = await reading(
      (sql) => sql`SELECT query FROM pg_stat_activity WHERE usename = 'bulkhead_tools'`,
    );
    expect(new Set(seen.map(({ query }) => query))).toEqual(new Set(['']));
  });

  test('no plan that a caller prints shows a key', async () => {
    const [{ hex = '' } = {}] = await shop.asAdmin(
      "SELECT encode(inner_block, 'hex') AS hex FROM bulkhead.signing_keys",
    );
    const raw = new Client(shop.url);
    const notices: string[] = [];
    raw.on('notice', ({ message = '', detail = '' }) => notices.push(message, detail));
    await raw.connect();
    const noisy = ['debug_print_parse', 'debug_print_rewritten', 'debug_print_plan'].map(
      (name) => `SET ${name} = on;`,
    );
    await raw.query(`SET client_min_messages = debug5; ${noisy.join('')} SET bulkhead.claim = 'k1:x:globex'`);
    const failure = await failureOf(raw.query('SELECT * FROM tickets'));
    expect(failure).toMatchObject({ code: '42501' });
    await raw.end();
    const printed = notices.join('\n');
    expect(printed).toContain('CONST');
    expect(printed.toLowerCase()).not.toContain(String(hex).slice(0, 20));
    const asList = Buffer.from(String(hex), 'hex').subarray(0, 8);
    expect(printed).not.toContain([...new Int8Array(asList)].join(' '));
  });
});
