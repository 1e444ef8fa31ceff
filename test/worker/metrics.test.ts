import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, expect, test, vi } from 'vitest';
import { admin, callTool, HttpTenant, operate, send } from '../support/http.ts';
import { parsePrometheus, type Sample, sampleOf } from '../support/prometheus.ts';
import { ADMIN_KEY_HEADER, failing, fetchWith } from '../support/worker-with.ts';

afterEach(() => void vi.useRealTimers());

const MINUTE_MS = 60_000;

/** Time enough for the next reports and the next text. */
const later = () => vi.setSystemTime(Date.now() + 2 * MINUTE_MS);

async function scraped(): Promise<Sample[]> {
  later();
  const response = await send('/admin/metrics', { headers: ADMIN_KEY_HEADER });
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  return parsePrometheus(await response.text());
}

/** What is counted is reported after the answer, on a busy machine more than a second after it. */
const SLOW = { timeout: 20_000 };

/** The alarm reports what was called. */
async function report(tenant: HttpTenant): Promise<void> {
  later();
  await runInDurableObject(env.TENANTS.getByName(tenant.id), (object) => object.alarm());
}

test('calls of a tenant and refusals of the edge are in the metrics, which need the admin key', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  // The tenants of other tests may have taken all the places for tenants with series of their own.
  await runInDurableObject(env.METERS.getByName('meters'), (_, state) => {
    state.storage.sql.exec('DELETE FROM tenants');
  });
  const tenant = await HttpTenant.create();
  await tenant.call('blackboard_write', { key: 'k', value: 1 });
  await tenant.call('blackboard_write', { key: 'k' });
  later();
  expect((await send('/admin/metrics', {})).status).toBe(401);
  await report(tenant);
  await vi.waitFor(async () => {
    const found = await scraped();
    const ofTenant = { tenant: tenant.id };
    expect(sampleOf(found, 'bulkhead_tenant_calls_total', { ...ofTenant, outcome: 'answer' })).toBe(1);
    expect(sampleOf(found, 'bulkhead_tenant_calls_total', { ...ofTenant, outcome: 'error' })).toBe(1);
    expect(sampleOf(found, 'bulkhead_storage_bytes', ofTenant)).toBeGreaterThan(0);
    expect(sampleOf(found, 'bulkhead_limit_remaining_ratio', ofTenant)).toBe(1);
    const call = { mcp_method_name: 'tools/call', gen_ai_tool_name: 'blackboard_write' };
    const seconds = 'mcp_server_operation_duration_seconds_count';
    expect(sampleOf(found, seconds, { ...call, error_type: '' })).toBeGreaterThan(0);
    expect(sampleOf(found, seconds, { ...call, error_type: 'invalid_input' })).toBeGreaterThan(0);
    expect(
      sampleOf(found, 'bulkhead_call_duration_seconds_count', { tool: 'blackboard_write' }),
    ).toBeGreaterThan(1);
    const refused = { status: '401', code: 'unauthorized' };
    expect(sampleOf(found, 'bulkhead_http_refusals_total', refused)).toBeGreaterThan(0);
    expect(sampleOf(found, 'bulkhead_rows_written_total')).toBeGreaterThan(0);
  }, SLOW);
  expect(JSON.stringify(await scraped())).not.toContain(tenant.tokenId);
  await operate('DELETE', `/tenants/${tenant.id}`);
  await vi.waitFor(async () => expect(JSON.stringify(await scraped())).not.toContain(tenant.id), SLOW);
});

test('tenants, calls and the list work when the metrics do not', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const tenant = await HttpTenant.create();
  const headers = {
    ...ADMIN_KEY_HEADER,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
  };
  const down = { METERS: failing(new Error('down')) };
  const call = await fetchWith(down, '/mcp', {
    method: 'POST',
    headers: { ...headers, authorization: `Bearer ${tenant.token}`, 'mcp-protocol-version': '2025-11-25' },
    body: JSON.stringify(callTool('blackboard_list')),
  });
  expect(await call.text()).toContain('"boards"');
  expect((await fetchWith(down, `/admin/tenants/${tenant.id}`, { headers })).status).toBe(200);
  const refused = await fetchWith(down, '/admin/metrics', { headers });
  expect([refused.status, refused.headers.get('content-type')]).toEqual([503, 'application/problem+json']);
  // The aggregator itself repairs a database that was emptied.
  await runInDurableObject(env.METERS.getByName('meters'), (_, state) => state.storage.deleteAll());
  await report(tenant);
  await vi.waitFor(
    async () => expect(sampleOf(await scraped(), 'bulkhead_tenants')).toBeGreaterThan(0),
    SLOW,
  );
  expect((await admin('GET', '/tenants?limit=1')).status).toBe(200);
});

test('where a dataset is bound, each call is a data point', async () => {
  const points: unknown[] = [];
  const METRICS = { writeDataPoint: (point: unknown) => void points.push(point) };
  const tenant = await HttpTenant.create();
  const post = (body: unknown, version: string) =>
    fetchWith({ METRICS }, '/mcp', {
      method: 'POST',
      headers: {
        authorization: `Bearer ${tenant.token}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': version,
      },
      body: JSON.stringify(body),
    }).then((response) => response.text());
  await post(callTool('blackboard_write', { key: 'k', value: 'not to be told' }), '2025-11-25');
  expect(points).toEqual([
    {
      indexes: [tenant.id],
      blobs: ['blackboard_write', 'answer', '', 'created', ''],
      doubles: [1, expect.any(Number), expect.any(Number), expect.any(Number)],
    },
  ]);
  await post(callTool('no_such_tool'), '2025-11-25');
  expect(points[1]).toMatchObject({ blobs: ['unknown', 'unknown_tool', 'unknown_tool', '', ''] });
  points.length = 0;
  const batch = Array.from({ length: 20 }, (_, id) => ({ ...callTool('tenant_limits'), id }));
  await post(batch, '2025-03-26');
  expect(points).toHaveLength(20);
});
