import { execFile, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { VERSION } from '../../src/version.ts';
import { ROOT } from '../support/bridge-clients.ts';
import { FakeRemote, result, TOKEN } from '../support/bridge-rig.ts';
import { nodeVersion } from '../support/node-cli.ts';

/** Packing bundles anew. */
const PACK_MS = 180_000;
const NODE_DIR = dirname(process.execPath);
/** The Node of the tests first, as npm has it, and no setting of theirs. */
const PATH = [NODE_DIR, process.env.PATH ?? ''].join(delimiter);

/**
 * The package in an empty project, as npm lays it out, but without its dependencies: it is bundled and needs none, and
 * so nothing has to be fetched.
 */
const project = mkdtempSync(join(tmpdir(), 'bulkhead-package-'));
const installed = join(project, 'node_modules', 'bulkhead');
const data = join(project, 'data');
beforeAll(async () => {
  const packed = await promisify(execFile)('npm', ['pack', '--json', '--pack-destination', project], {
    cwd: ROOT,
    env: { ...process.env, PATH },
  });
  const [{ filename }] = JSON.parse(packed.stdout.slice(packed.stdout.indexOf('[\n')));
  mkdirSync(installed, { recursive: true });
  execFileSync('tar', ['-xzf', join(project, filename), '-C', installed, '--strip-components=1']);
  mkdirSync(join(project, 'node_modules', '.bin'));
  symlinkSync('../bulkhead/bin/bulkhead.mjs', join(project, 'node_modules', '.bin', 'bulkhead'));
}, PACK_MS);
afterAll(() => rmSync(project, { recursive: true, force: true }));

interface Place {
  readonly cwd: string;
  readonly command: string;
  readonly args: readonly string[];
}

const PLACES: readonly (readonly [string, Place])[] = [
  ['a clone', { cwd: ROOT, command: 'npx', args: ['--offline', 'bulkhead'] }],
  ['an installed package', { cwd: project, command: 'npx', args: ['--offline', 'bulkhead'] }],
];

async function firstCall(place: Place, options: readonly string[], env: Record<string, string> = {}) {
  const transport = new StdioClientTransport({
    ...place,
    args: [...place.args, 'stdio', ...options],
    env: { PATH, HOME: project, ...env },
    stderr: 'pipe',
  });
  let stderr = '';
  transport.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  const client = new Client({ name: 'test', version: '1' });
  try {
    await client.connect(transport);
    return await client.callTool({ name: 'blackboard_write', arguments: { key: 'a', value: 1 } });
  } catch (error) {
    throw new Error(`${error}: ${stderr}`);
  } finally {
    await client.close();
  }
}

describe.each(PLACES)('npx bulkhead in %s', (where, place) => {
  test('serves with data of its own', async () => {
    const { structuredContent } = await firstCall(place, ['--data', join(data, where)]);
    expect(structuredContent).toMatchObject({ status: 'created', rev: 1 });
  });

  test('serves as a bridge', async () => {
    const remote = await new FakeRemote().start();
    remote.answer = (arrived) => {
      const { method, id } = arrived.message;
      expect(arrived.headers.authorization).toBe(`Bearer ${TOKEN}`);
      const serverInfo = { name: 'fake', version: '1' };
      if (method === 'initialize')
        result(arrived, { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo });
      else if (id === undefined) arrived.response.writeHead(202).end();
      else if (method === 'tools/list') result(arrived, { tools: [] });
      else result(arrived, { content: [{ type: 'text', text: 'carried' }] });
    };
    const { content } = await firstCall(place, ['--url', remote.url.href], { BULKHEAD_TOKEN: TOKEN });
    expect(content).toEqual([{ type: 'text', text: 'carried' }]);
    await remote.stop();
  });
});

describe('the command', () => {
  const bin = join(installed, 'bin', 'bulkhead.mjs');

  function run(flags: readonly string[], args: readonly string[], more: Record<string, string> = {}) {
    const env = { PATH, HOME: project, ...more };
    const child = spawn(process.execPath, [...flags, bin, ...args], { env });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) =>
      child.once('close', (code) => resolve({ code, stdout, stderr })),
    );
    return { child, ended };
  }

  test('says its version and its usage, and refuses what it does not know', async () => {
    expect(await run([], ['--version']).ended).toEqual({ code: 0, stdout: `${VERSION}\n`, stderr: '' });
    const help = await run([], ['--help']).ended;
    expect(help).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringContaining('bulkhead stdio --url URL'),
    });
    for (const args of [[], ['serve']])
      expect(await run([], args).ended).toEqual({ code: 2, stdout: '', stderr: help.stdout });
    expect(await run([], ['stdio', '--url', 'nowhere']).ended).toMatchObject({ code: 2, stdout: '' });
    // The sign-in is a part of the package that nothing else here loads.
    expect(await run([], ['stdio', '--url', 'http://127.0.0.1:9', '--logout']).ended).toEqual({
      code: 0,
      stdout: '',
      stderr: 'bulkhead: There is no sign-in to http://127.0.0.1:9 to forget.\n',
    });
  });

  const OLD = [`--import=${nodeVersion('24.15.0')}`];

  test('says in one line that Node is too old, where there is no other', async () => {
    const { code, stdout, stderr } = await run(OLD, ['stdio']).ended;
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(
      /^Bulkhead needs Node 24\.16 or later, and this is Node 24\.15\.0\. Install a newer Node\.\n$/,
    );
  });

  test('starts no other Node without end, where the newer one is too old as well', async () => {
    const { code, stderr } = await run([], ['stdio'], { NODE_OPTIONS: OLD.join(' ') }).ended;
    expect([code, stderr.split('\n').length]).toEqual([1, 2]);
  });

  test('takes the newer Node that was installed beside it, and ends with it', async () => {
    const newer = join(project, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin');
    mkdirSync(newer, { recursive: true });
    symlinkSync(process.execPath, join(newer, 'node'));
    const { child, ended } = run(OLD, ['stdio', '--data', join(data, 'old')]);
    const params = {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'test', version: '1' },
    };
    child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params })}\n`);
    await new Promise((resolve) => child.stdout.once('data', resolve));
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 0, stdout: expect.stringContaining('"id":1') });
  });
});
