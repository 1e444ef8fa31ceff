/** The two bridges as processes, and the server that both of them reach, for bridges.ts. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Arrived, FakeRemote, type Rpc, refuse, result, stream, TOKEN } from '../support/bridge-rig.ts';
import { packageBin } from '../support/third-party/package-bin.ts';

const VERSION = '2025-11-25';
export const MODERN = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' };
export const URI = 'blackboard://default/a';
/** How long something may take before it is counted as missing. */
export const PATIENCE_MS = 8000;

export const home = mkdtempSync(join(tmpdir(), 'bulkhead-bridges-'));
export const PROGRAMS = {
  bulkhead: (url: string) => ['src/cli/run.mjs', 'stdio', '--url', url],
  'mcp-remote': (url: string) => [
    packageBin('mcp-remote', 'mcp-remote'),
    url,
    '--allow-http',
    '--header',
    `Authorization: Bearer ${TOKEN}`,
    '--transport',
    'http-only',
  ],
};
export type Name = keyof typeof PROGRAMS;

export const delay = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export async function until<T>(look: () => T | undefined, ms = PATIENCE_MS): Promise<T | undefined> {
  for (const end = Date.now() + ms; ; await delay(10)) {
    const found = look();
    if (found !== undefined || Date.now() > end) return found;
  }
}

/** One of the two programs, with raw lines on its standard input and output. */
export class Program {
  readonly child: ChildProcessWithoutNullStreams;
  readonly messages: Rpc[] = [];
  impure = 0;
  stderr = '';
  exit: string | undefined;

  constructor(name: Name, url: string) {
    this.child = spawn(process.execPath, PROGRAMS[name](url), {
      // Without a PATH, mcp-remote finds no browser to open.
      env: { HOME: home, MCP_REMOTE_CONFIG_DIR: home, PATH: '', BULKHEAD_TOKEN: TOKEN },
    });
    let rest = '';
    this.child.stdout.on('data', (chunk) => {
      const lines = `${rest}${chunk}`.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#line(line);
    });
    this.child.stderr.on('data', (chunk) => {
      this.stderr += chunk;
    });
    this.child.stdin.on('error', () => {});
    this.child.on('close', (code, signal) => {
      this.exit = `exit ${code ?? signal}`;
    });
  }

  #line(line: string): void {
    try {
      this.messages.push(JSON.parse(line));
    } catch {
      this.impure++;
    }
  }

  send(message: Rpc): void {
    this.child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  }

  answer(id: Rpc['id'], ms?: number): Promise<Rpc | undefined> {
    return until(() => this.messages.find((message) => message.id === id && !message.method), ms);
  }

  ask(message: Rpc, ms?: number): Promise<Rpc | undefined> {
    this.send(message);
    return this.answer(message.id, ms);
  }

  async initialize(): Promise<Rpc | undefined> {
    const clientInfo = { name: 'bench', version: '1' };
    const params = { protocolVersion: VERSION, capabilities: {}, clientInfo };
    const answer = await this.ask({ id: 0, method: 'initialize', params });
    if (answer?.result !== undefined) this.send({ method: 'notifications/initialized' });
    return answer;
  }

  count(method: string): number {
    return this.messages.filter((message) => message.method === method).length;
  }

  async kill(): Promise<void> {
    if (this.exit === undefined) this.child.kill('SIGKILL');
    await until(() => this.exit);
  }
}

/** A server of the 2025 revision with sessions, and of the 2026 revision without. */
export class Remote {
  readonly fake = new FakeRemote();
  readonly sessions = new Set<string>();
  opened = 0;
  authorized = true;
  /** Answers what is not part of a session. */
  other: (arrived: Arrived) => unknown = (arrived) => result(arrived, {});

  constructor() {
    this.fake.answer = (arrived) => void this.#answer(arrived);
  }

  /** The streams that are or were open, of one session or of all. */
  streams(session?: string): Arrived[] {
    return this.seen('GET').filter(
      ({ headers, response }) =>
        response.headersSent &&
        headers['mcp-session-id'] !== undefined &&
        (session ?? headers['mcp-session-id']) === headers['mcp-session-id'],
    );
  }

  seen(method: string): Arrived[] {
    return this.fake.arrived.all.filter((arrived) => (arrived.message.method ?? arrived.method) === method);
  }

  #answer(arrived: Arrived): unknown {
    const { message, method, headers } = arrived;
    if (!this.authorized || headers.authorization !== `Bearer ${TOKEN}`)
      return refuse(arrived, 401, 'invalid_token', { 'www-authenticate': 'Bearer error="invalid_token"' });
    if (message.method === 'initialize') {
      const id = `session-${++this.opened}`;
      this.sessions.add(id);
      const capabilities = { resources: { subscribe: true, listChanged: true }, tools: {} };
      const value = { protocolVersion: VERSION, capabilities, serverInfo: { name: 'a', version: '1' } };
      return result(arrived, value, { 'mcp-session-id': id });
    }
    if (headers['mcp-protocol-version'] === '2026-07-28') return this.other(arrived);
    const session = String(headers['mcp-session-id']);
    if (!this.sessions.has(session)) return refuse(arrived, 404, 'unknown_session');
    if (method === 'GET') return stream(arrived);
    if (method === 'DELETE') return arrived.response.writeHead(204).end();
    if (message.id === undefined) return arrived.response.writeHead(202).end();
    return this.other(arrived);
  }
}

export interface Rig {
  readonly program: Program;
  readonly remote: Remote;
}
export type Scenario = (rig: Rig, name: Name) => Promise<string>;

export const list = (id: number | string): Rpc => ({ id, method: 'tools/list', params: {} });
export const call = (id: number, args: object = {}): Rpc => ({
  id,
  method: 'tools/call',
  params: { name: 'wait', arguments: args },
});
export const subscribe: Rpc = { id: 's', method: 'resources/subscribe', params: { uri: URI } };
export const UPDATED = 'notifications/resources/updated';

export function shown(answer: Rpc | undefined, { exit }: Program): string {
  const what =
    answer === undefined
      ? 'no answer'
      : answer.error === undefined
        ? 'a result'
        : `error ${answer.error.code} "${answer.error.message.slice(0, 90)}"`;
  return exit === undefined ? `${what}, keeps running` : `${what}, ${exit}`;
}

/**
 * Connects a 2025 client.
 * @returns its stream; `mcp-remote` opens a session of its own before the client's, which has another one
 */
export async function connected({ program, remote }: Rig): Promise<Arrived> {
  await program.initialize();
  const get = await until(() => remote.streams(`session-${remote.opened}`)[0]);
  if (get === undefined) throw new Error(`there is no stream; ${program.exit} ${program.stderr}`);
  return get;
}

/** The stream that takes the place of a broken one. */
export const nextStream = ({ remote }: Rig, broken: Arrived, ms?: number) =>
  until(() => remote.streams().find((get, at, all) => at > all.indexOf(broken) && !get.closed), ms);
