import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AdminRequests } from '../../src/cli/admin-requests.ts';
import { ConnectionsClient } from '../../src/cli/connections-client.ts';
import { isConnectionCommand } from '../../src/cli/connections-command.ts';
import { parseTenantCommand } from '../../src/cli/tenant-command.ts';
import { performForConnections } from '../../src/cli/tenant-connections.ts';
import { canRun, tellLeftOut } from '../support/postgres/left-out.ts';
import { openShop, type Shop } from '../support/postgres/shop.ts';
import { Operator, startEntry, type TestServer } from '../support/server.ts';

tellLeftOut('the example on a shared database, in workerd');

describe.runIf(canRun)('tickets of all tenants in one table', () => {
  let shop: Shop;
  let server: TestServer;
  let operator: Operator;
  const tokens = new Map<string, string>();

  beforeAll(async () => {
    shop = await openShop();
    await shop.asAdmin(`INSERT INTO tickets (tenant_id, subject)
      VALUES ('acme', 'The printer is on fire'), ('globex', 'canary 50% off')`);
    const { key } = shop;
    const databases = {
      orders: { url: shop.url, key },
      pooled: { hyperdrive: 'ORDERS', key },
      gone: { url: 'postgres://bulkhead_tools@127.0.0.1:1/shop', key },
    };
    const binding = [
      '[[hyperdrive]]',
      'binding = "ORDERS"',
      'id = "00000000000000000000000000000000"',
      `localConnectionString = "${shop.url}"`,
    ];
    server = await startEntry(
      'test/support/postgres/worker.ts',
      { DATABASES: JSON.stringify(databases) },
      binding.join('\n'),
    );
    operator = new Operator(server);
    for (const tenant of ['acme', 'globex', 'initech']) tokens.set(tenant, await operator.tenant(tenant));
    await link('acme', 'orders');
    await link('globex', 'pooled');
  });
  afterAll(async () => {
    await server?.stop();
    await shop?.stop();
  });

  /** What a command of the operator prints. */
  async function operate(...argv: string[]): Promise<string> {
    const command = parseTenantCommand(['connection', ...argv]);
    if (command === undefined || !isConnectionCommand(command)) throw new Error('this is another command');
    const requests = new AdminRequests({ url: server.url, remedy: '' }, server.adminKey);
    return (await performForConnections(new ConnectionsClient(requests), command)).text;
  }
  const link = (tenant: string, database: string) =>
    operate('set', tenant, 'tickets', '--kind', 'postgres', '--database', database);

  async function call(tenant: string, tool: string, args: object = {}): Promise<Record<string, unknown>> {
    const response = await fetch(`${server.url}/v1/tools/${tool}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${tokens.get(tenant)}`, 'content-type': 'application/json' },
      body: JSON.stringify(args),
    });
    return JSON.parse(await response.text());
  }
  const subjectsOf = ({ tickets }: Record<string, unknown>) =>
    (tickets as { subject: string }[]).map(({ subject }) => subject);

  test('"all open tickets" are those of the tenant that asks', async () => {
    expect(subjectsOf(await call('acme', 'tickets_list'))).toEqual(['The printer is on fire']);
    expect(subjectsOf(await call('globex', 'tickets_list'))).toEqual(['canary 50% off']);
  });

  test('a ticket is opened, found, closed, and belongs to its tenant, directly and through Hyperdrive', async () => {
    for (const tenant of ['acme', 'globex']) {
      const { ticket } = await call(tenant, 'tickets_open', { subject: `The fax of ${tenant}` });
      expect(ticket).toMatchObject({ subject: `The fax of ${tenant}`, status: 'open' });
      expect(subjectsOf(await call(tenant, 'tickets_search', { query: 'THE FAX' }))).toEqual([
        `The fax of ${tenant}`,
      ]);
      const { id } = ticket as { id: string };
      const other = tenant === 'acme' ? 'globex' : 'acme';
      expect(await call(other, 'tickets_close', { id })).toMatchObject({ code: 'unknown_handle' });
      expect(await call(tenant, 'tickets_close', { id })).toMatchObject({ ticket: { status: 'closed' } });
      expect(subjectsOf(await call(tenant, 'tickets_list', { status: 'closed' }))).toEqual([
        `The fax of ${tenant}`,
      ]);
    }
    expect(subjectsOf(await call('globex', 'tickets_search', { query: '%' }))).toEqual(['canary 50% off']);
  });

  test('a tool that pastes its argument into SQL shows no row of another tenant', async () => {
    const answers = await Promise.all(
      [
        "' OR true --",
        "' UNION ALL SELECT subject FROM tickets WHERE tenant_id = 'globex' --",
        "' UNION SELECT set_config('bulkhead.claim', 'k1:x:globex', true) UNION SELECT subject FROM tickets --",
        "'; SET ROLE postgres; SELECT subject FROM tickets; --",
        "'; COMMIT; --",
      ].map((subject) => call('acme', 'careless_sql', { subject })),
    );
    expect(JSON.stringify(answers)).not.toContain('canary');
    expect(answers[0]).toMatchObject({
      rows: expect.arrayContaining([{ subject: 'The printer is on fire' }]),
    });
    expect(answers[4]).toMatchObject({ code: 'internal' });
  });

  test('a large result is refused, and calls at the same time do not notice', async () => {
    const large = call('acme', 'careless_sql', { subject: "' UNION ALL SELECT repeat('x', 50000000) --" });
    const lists = await Promise.all(Array.from({ length: 8 }, () => call('globex', 'tickets_list')));
    expect(await large).toMatchObject({ code: 'too_large' });
    for (const list of lists) expect(subjectsOf(list)).toEqual(['canary 50% off']);
  });

  test('a tenant without a connection has no tickets, and no database that is not declared', async () => {
    const refused = await call('initech', 'tickets_list');
    expect(refused).toMatchObject({ code: 'forbidden', detail: expect.stringContaining('not set up') });
    await expect(link('initech', 'nowhere')).rejects.toThrow('DATABASES');
  });

  test('a database that is gone is unavailable, to its tools and to the operator', async () => {
    await link('initech', 'gone');
    expect(await call('initech', 'tickets_list')).toMatchObject({ code: 'unavailable', status: 503 });
    expect(await operate('test', 'initech', 'tickets')).toContain('cannot be reached');
  });

  test('the operator sees what a connection is, and whether its database is safe to share', async () => {
    expect(await operate('list', 'acme')).toMatch(/tickets +postgres +orders/);
    expect(await operate('test', 'acme', 'tickets')).toContain('is safe to share');
    await shop.asAdmin('CREATE TABLE bare (a int); GRANT SELECT ON bare TO bulkhead_tools');
    expect(await operate('test', 'acme', 'tickets')).toContain(
      'The table public.bare has no row-level security',
    );
    await shop.asAdmin('DROP TABLE bare');
  });

  test('a connection without a secret has none to replace, and ends', async () => {
    process.env.TICKETS_SECRET = 'unused';
    await expect(operate('rotate', 'globex', 'tickets', '--secret-env', 'TICKETS_SECRET')).rejects.toThrow(
      'has no secret',
    );
    expect(() => parseTenantCommand(['connection', 'set', 'acme', 'x', '--kind', 'postgres'])).toThrow(
      '--database',
    );
    expect(await operate('rewrap', 'globex')).toContain('0 secrets');
    await operate('remove', 'globex', 'tickets');
    expect(await call('globex', 'tickets_list')).toMatchObject({ code: 'forbidden' });
  });

  test('nothing of the database and its key is in the log', async () => {
    const lines = server.lines().join('\n');
    expect(lines).toContain('SQLSTATE 42601');
    expect(lines).not.toContain(shop.key.split(':')[1]);
    expect(lines).not.toMatch(/canary|bulkhead_tools:|password-of-the-login|bulkhead\.claim/);
  });
});
