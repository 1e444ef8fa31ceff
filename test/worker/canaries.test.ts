import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import { redactForLog } from '../../src/telemetry/redact.ts';
import { ConsoleBrowser } from '../support/console-browser.ts';
import { CREDENTIALS } from '../support/credential-corpus.ts';
import { admin, HttpTenant, operate, send } from '../support/http.ts';
import type { Answer } from '../support/tenant.ts';
import { ADMIN_KEY_HEADER, serverWith } from '../support/worker-with.ts';

/**
 * Credentials in every place into which a client can put a text, looked for in everything that this server shows or sends of
 * its calls. The values that agents store are theirs, and are not looked at here.
 */

afterEach(() => void vi.restoreAllMocks());

/** Of so many kinds one is tried here, for each takes eight requests; other tests try all. */
const EVERY = 8;
/** One text of each kind that fits a header, of the shapes that redaction knows. */
const CANARIES = CREDENTIALS.filter(
  ({ text, secrets }) =>
    /^[\x20-\x7e]{1,100}$/.test(text) &&
    secrets.every((secret) => secret.length > 7 && !redactForLog(text, 128).includes(secret)),
)
  .filter(({ kind }, index, all) => all.findIndex((other) => other.kind === kind) === index)
  .filter((_, index) => index % EVERY === 0);
const ERAS = ['2026-07-28', '2025-11-25'];
const MCP = 'io.modelcontextprotocol';

const shown: Record<string, string> = {};
const hexOf = (n: number, digits: number) => (n + 1).toString(16).padStart(digits, '0');

beforeAll(async () => {
  const lines: string[] = [];
  for (const level of ['log', 'warn', 'error', 'info', 'debug'] as const)
    vi.spyOn(console, level).mockImplementation((...line) => void lines.push(line.map(String).join(' ')));
  const spans: string[] = [];
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (_url, init) => {
    spans.push(String(init?.body));
    return Response.json({});
  });
  const points: unknown[] = [];
  const METRICS = { writeDataPoint: (point: unknown) => void points.push(point) };
  const request = serverWith({ METRICS, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector.test' });
  const tenant = await HttpTenant.create({
    scopes: ['records:read', 'blackboard:read', 'blackboard:write', 'scar:read', 'scar:write'],
  });
  const headersOf = (n: number, text: string) => ({
    authorization: `Bearer ${tenant.token}`,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'user-agent': text,
    'x-request-id': text,
    baggage: `key=${text}`,
    traceparent: `00-${hexOf(n, 32)}-${hexOf(n, 16)}-01`,
  });
  const rpc = async (n: number, method: string, params: object, headers: Record<string, string> = {}) => {
    const text = CANARIES[n]?.text ?? '';
    const version = ERAS[n % ERAS.length] ?? '';
    const meta = {
      [`${MCP}/protocolVersion`]: version,
      [`${MCP}/clientInfo`]: { name: text, version: text },
      [`${MCP}/clientCapabilities`]: {},
    };
    const body = { jsonrpc: '2.0', id: text, method, params: { ...params, _meta: meta } };
    const response = await request('https://mcp.test/mcp', {
      method: 'POST',
      headers: { ...headersOf(n, text), 'mcp-protocol-version': version, 'mcp-method': method, ...headers },
      body: JSON.stringify(body),
    });
    await response.text();
  };
  for (const [n, { text }] of CANARIES.entries()) {
    const call = (name: string, args: object) =>
      rpc(n, 'tools/call', { name, arguments: args }, { 'mcp-name': name });
    await call('blackboard_write', { key: text, value: text, by: text, tags: [text], [text]: 1 });
    await call('scar_record', { error_type: text, error_message: text, target: text, agent: text });
    await call(text, {});
    await rpc(n, 'resources/read', { uri: `bulkhead://board/${encodeURIComponent(text)}` });
    await rpc(n, text, {});
    for (const path of [
      `/v1/tools/${encodeURIComponent(text)}`,
      `/v1/records?key=${encodeURIComponent(text)}`,
      `/${encodeURIComponent(text)}?token=${encodeURIComponent(text)}`,
    ]) {
      const headers = { ...headersOf(n, text), accept: 'application/json' };
      await (await request(`https://mcp.test${path}`, { headers })).text();
    }
    if (n % 8 === 0)
      await admin(
        'PATCH',
        `/tenants/${tenant.id}/limits`,
        { rate: 1e5, burst: 1e6 },
        {
          'bulkhead-as': encodeURIComponent(text).slice(0, 500),
        },
      );
  }
  // A request exports the spans of those before it.
  await vi.waitFor(
    async () => {
      await rpc(0, 'ping', {});
      expect(spans.join()).toContain(hexOf(CANARIES.length - 1, 32));
    },
    { timeout: 15_000, interval: 1000 },
  );
  await runInDurableObject(env.TENANTS.getByName(tenant.id), (object) => object.alarm());
  shown.lines = lines.join('\n');
  shown.spans = spans.join('\n');
  shown.points = JSON.stringify(points);
  shown.metrics = await (await send('/admin/metrics', { headers: ADMIN_KEY_HEADER })).text();
  const runs = await operate('GET', `/tenants/${tenant.id}/runs?limit=200`);
  const calls = await operate('GET', `/tenants/${tenant.id}/calls?limit=200&internal=true`);
  shown.records = JSON.stringify([
    calls,
    runs,
    await operate('GET', `/tenants/${tenant.id}/usage?by=client`),
  ]);
  const browser = new ConsoleBrowser();
  await browser.signIn(tenant.token);
  const ofRuns = runs.runs.slice(0, 5).map(({ run }: Answer) => `runs/${run}`);
  const paths = ['calls', 'calls?outcome=bad', 'runs', 'failures', 'limits', 'tokens', ...ofRuns];
  const pages = paths.map((path) => browser.page(`/console/${tenant.id}/${path}`));
  shown.pages = (await Promise.all(pages)).join('\n');
}, 60_000);

test.each(['lines', 'spans', 'points', 'metrics', 'records', 'pages'])(
  'no credential of a client is in %s',
  (place) => {
    const text = shown[place] ?? '';
    expect(text.length).toBeGreaterThan(1000);
    const found = CANARIES.flatMap(({ secrets }) => secrets).filter(
      (secret) => text.includes(secret) || text.includes(JSON.stringify(secret).slice(1, -1)),
    );
    expect(found).toEqual([]);
  },
);
