import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { THIRD_PARTIES } from '../support/contract/table.ts';
import { Operator, startServer, type TestServer } from '../support/server.ts';
import { Agents } from '../support/third-party/agents.ts';
import { openAiSdk } from '../support/third-party/ai-sdk.ts';
import type { Called, Endpoint, Open, ThirdPartyClient } from '../support/third-party/client.ts';
import { type Era, Inspector } from '../support/third-party/inspector.ts';
import { McpRemote } from '../support/third-party/mcp-remote.ts';
import { Tap } from '../support/third-party/tap.ts';

/** One call of this tool passes; the next is told to wait for up to this long. */
const LIMITED = 'blackboard_list';
const REFILL_MS = 1_000_000;

const home = mkdtempSync(join(tmpdir(), 'bulkhead-clients-'));
const tap = new Tap();
const inspector = new Inspector(home);
const remote = new McpRemote(home);
const agents = new Agents();
let origin: string;
let server: TestServer;
let operator: Operator;

beforeAll(async () => {
  origin = await tap.listen();
  server = await startServer({ PUBLIC_URL: origin, OAUTH: 'off' });
  tap.passTo(server.url);
  operator = new Operator(server);
  await agents.start();
});
afterAll(async () => {
  await remote.endAll();
  await agents.stop();
  await tap.close();
  await server?.stop();
  rmSync(home, { recursive: true, force: true });
});

let tenants = 0;
async function newEndpoint(): Promise<Endpoint> {
  const limit = { tool: LIMITED, rate: 1000 / REFILL_MS, burst: 1 };
  return { origin, token: await operator.tenant(`third-party-${++tenants}`, limit) };
}

function errorOf({ isError, structured, text }: Called): Record<string, unknown> {
  expect(isError).toBe(true);
  const error = structured.error as Record<string, unknown>;
  expect(text).toBe(error.message);
  return error;
}

interface Expected {
  /** The revision that its requests name, and the paths that they go to. */
  readonly version: string;
  readonly paths: readonly string[];
  /** What it throws for a tool that there is not. */
  readonly unknownTool: object;
  /** What it says of a token that is not good. */
  readonly refused: RegExp;
}

const described: { name: string; version: string }[] = [];

/** What must hold for every client. */
function describeClient(name: string, open: Open, expected: Expected): void {
  described.push({ name, version: expected.version });
  describe(name, () => {
    let endpoint: Endpoint;
    let client: ThirdPartyClient;
    beforeAll(async () => {
      endpoint = await newEndpoint();
      client = await open(endpoint);
    });
    afterAll(async () => {
      await client?.close();
    });

    test('lists the tools, writes, and reads what it wrote', async () => {
      expect(await client.list()).toEqual(expect.arrayContaining(['blackboard_write', 'tenant_limits']));
      const value = { steps: ['a', 2, null], text: 'ä "quoted" $HOME' };
      const written = await client.call('blackboard_write', { key: 'plan', value, by: name });
      expect(written).toMatchObject({ isError: false, structured: { status: 'created', key: 'plan' } });
      expect(JSON.parse(written.text)).toEqual(written.structured);
      const read = await client.call('blackboard_read', { key: 'plan' });
      expect(read).toMatchObject({ isError: false, structured: { entries: [{ value, by: name }] } });
      const exchanged = tap.with(endpoint.token);
      const named = exchanged.flatMap(({ version }) => (version === undefined ? [] : [version]));
      expect([...new Set(named)]).toEqual([expected.version]);
      expect([...new Set(exchanged.map(({ path }) => path))].sort()).toEqual(expected.paths);
    });

    test('is told which argument is wrong', async () => {
      const error = errorOf(await client.call('blackboard_write', { key: 'a', value: 1, ttl: 5 }));
      expect(error).toMatchObject({ code: 'invalid_input', field: 'ttl', retryable: false });
      expect(error.message).toContain('ttl_s');
    });

    test('gets an error for a tool that there is not', async () => {
      await expect(client.call('no_such_tool', {})).rejects.toMatchObject(expected.unknownTool);
    });

    test('is limited, told for how long, and goes on with other tools', async () => {
      expect((await client.call(LIMITED, { run_id: 'default' })).isError).toBe(false);
      const error = errorOf(await client.call(LIMITED, { run_id: 'default' }));
      expect(error).toMatchObject({ code: 'rate_limited', retryable: true });
      expect(error.retry_after_ms).toBeGreaterThan(0);
      expect(error.retry_after_ms).toBeLessThanOrEqual(REFILL_MS);
      expect((await client.call('tenant_limits', {})).isError).toBe(false);
    });

    test('fails with a token that is not good', async () => {
      const token = `not-good-${name.replace(/\W+/g, '-')}`;
      const attempt = async () => {
        const refused = await open({ origin, token });
        await refused.list().finally(() => refused.close());
      };
      await expect(attempt()).rejects.toThrow(expected.refused);
      const answered = tap.with(token).filter(({ path }) => expected.paths.includes(path));
      expect([...new Set(answered.map(({ status }) => status))]).toEqual([401]);
    });
  });
}

const HTTP = ['/mcp'];
const SSE = ['/messages', '/sse'];
const HANDSHAKES = [
  ['legacy', '2025-11-25'],
  ['auto', '2026-07-28'],
] as const;
const ERAS: readonly (readonly [era: Era, version: string])[] = [...HANDSHAKES, ['modern', '2026-07-28']];

for (const [era, version] of ERAS) {
  describeClient(`Inspector CLI, ${era}`, inspector.open(era), {
    version,
    paths: HTTP,
    // It looks a tool up in the list itself before it calls it.
    unknownTool: { message: expect.stringMatching(/^exit 5: tool_not_found: /) },
    refused: /^exit 3: auth_required: /,
  });
}

test.each(ERAS)('Inspector CLI, %s, shows a JSON-RPC error of the server', async (era) => {
  const words = ['--method', 'resources/read', '--uri', 'blackboard://default/none'];
  await expect(inspector.run(await newEndpoint(), era, words)).rejects.toThrow(
    /^exit 1: error: Resource not found: blackboard:\/\/default\/none/,
  );
});

/** A refused token makes the clients that know OAuth look for a way to get another; the operator is the only one. */
const NO_SIGN_IN =
  /Dynamic Client Registration rejected|OAuth configuration incomplete|Protected resource .* does not match/;
const NO_TOOL = { code: -32602 };

for (const [era, version] of HANDSHAKES) {
  const open = remote.open('/mcp', ['--transport', 'http-only', '--protocol', era]);
  describeClient(`mcp-remote, ${era}`, open, {
    version,
    paths: HTTP,
    unknownTool: NO_TOOL,
    refused: NO_SIGN_IN,
  });
  describeClient(`@ai-sdk/mcp, ${era}`, openAiSdk({ type: 'http', path: '/mcp', discover: era === 'auto' }), {
    version,
    paths: HTTP,
    unknownTool: NO_TOOL,
    refused: /The token is not valid/,
  });
  describeClient(
    `addMcpServer of agents, ${era}`,
    agents.open({ path: '/mcp', transport: 'streamable-http', era }),
    {
      version,
      paths: HTTP,
      unknownTool: NO_TOOL,
      refused: NO_SIGN_IN,
    },
  );
}

describeClient('mcp-remote, HTTP+SSE', remote.open('/sse', ['--transport', 'sse-only']), {
  version: '2025-11-25',
  paths: SSE,
  unknownTool: NO_TOOL,
  refused: NO_SIGN_IN,
});
describeClient('@ai-sdk/mcp, HTTP+SSE', openAiSdk({ type: 'sse', path: '/sse', discover: false }), {
  version: '2025-11-25',
  paths: SSE,
  unknownTool: NO_TOOL,
  refused: /401/,
});
describeClient(
  'addMcpServer of agents, HTTP+SSE',
  agents.open({ path: '/sse', transport: 'sse', era: 'legacy' }),
  {
    version: '2025-11-25',
    paths: SSE,
    unknownTool: NO_TOOL,
    refused: NO_SIGN_IN,
  },
);

test('the table of the README has these clients, with the revisions that they were seen to speak', () => {
  const rows = THIRD_PARTIES.map(({ name, revision }) => ({ name, version: revision.slice(0, 10) }));
  const byName = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name);
  expect(rows.sort(byName)).toEqual(described.sort(byName));
});
