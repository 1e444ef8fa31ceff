import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from '../support/node-cli.ts';
import { Browser } from '../support/oauth-person.ts';
import { PersonProvider } from '../support/oauth-provider.ts';
import { Operator, startServer, type TestServer } from '../support/server.ts';

/** The official suite's mode for authorization servers, for every revision that has one. The person is a program. */

const CLI = createRequire(import.meta.url).resolve('@modelcontextprotocol/conformance/dist/index.js');
const REVISIONS = ['2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28'] as const;

let server: TestServer;
let key: string;
beforeAll(async () => {
  server = await startServer();
  const operator = new Operator(server);
  await operator.tenant('suite');
  key = String((await operator.request('POST', '/tenants/suite/members', { name: 'Suite' })).key);
});
afterAll(() => server?.stop());

interface Run {
  readonly code: number | null;
  readonly output: string;
}

/** Runs the suite and opens the page that it prints. */
async function runSuite(revision: string): Promise<Run> {
  const port = await freePort();
  const redirect = `http://127.0.0.1:${port}/callback`;
  const registered = await fetch(`${server.url}/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ redirect_uris: [redirect], token_endpoint_auth_method: 'none' }),
  });
  const { client_id } = (await registered.json()) as { client_id: string };
  const child = spawn(process.execPath, [
    CLI,
    'authorization',
    ...['--url', server.url, '--client-id', client_id, '--resource', `${server.url}/mcp`],
    ...['--port', String(port), '--spec-version', revision],
  ]);
  let output = '';
  let opened: string | undefined;
  const hear = (chunk: unknown) => {
    output += String(chunk);
    const [, url] = /(http:\/\/127\.0\.0\.1:\d+\/authorize\?\S+)\s/.exec(output) ?? [];
    if (url === undefined || url === opened) return;
    opened = url;
    void visit(url);
  };
  const visit = async (url: string) => {
    const provider = new PersonProvider(new Browser(server.url, fetch), key, redirect);
    await provider.redirectToAuthorization(new URL(url));
    await fetch(`${redirect}?${provider.answers[0]}`);
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  return { code, output };
}

test.each(REVISIONS)('the authorization server conforms to %s', async (revision) => {
  const { code, output } = await runSuite(revision);
  expect(output).toContain('authorization-server-metadata-endpoint');
  expect(output).toContain('authorization-code-grant');
  expect(output).not.toMatch(/FAILURE|WARNING/);
  expect(code).toBe(0);
});
