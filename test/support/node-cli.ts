import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

const STACK = /\n\s+at /;
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const READY = 'Ctrl-C stops the server.';
const COMMAND_MS = 90_000;

/** A port of the loopback interface that nothing listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        typeof address === 'object' && address !== null
          ? resolve(address.port)
          : reject(new Error('no port')),
      );
    });
  });
}

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** The words of a command of the project, as its npm script runs it. */
export const cli = (command: string, ...args: string[]): [string, ...string[]] => [
  'node',
  'src/cli/run.mjs',
  command,
  ...args,
];

/** A module that makes Node take itself for another version. */
export function nodeVersion(version: string): string {
  const versions = `{ value: { ...process.versions, node: '${version}' } }`;
  return `data:text/javascript,${encodeURIComponent(`Object.defineProperty(process, 'versions', ${versions})`)}`;
}

/** A refusal: one line on stderr and no stack. */
export function expectSentence(ended: Ended, sentence: RegExp, code = 1): void {
  expect(ended.stderr).toMatch(sentence);
  expect(ended.stderr).not.toMatch(STACK);
  expect(ended.stderr.trim().split('\n')).toHaveLength(1);
  expect(ended.code).toBe(code);
}

/** The project in a directory of its own, as a fresh clone has it after `npm ci`. */
export class Checkout {
  readonly dir = mkdtempSync(join(tmpdir(), 'bulkhead-'));
  readonly #started: Started[] = [];

  constructor() {
    for (const name of ['src', 'migrations', 'docs', 'package.json', 'wrangler.toml']) {
      cpSync(join(ROOT, name), join(this.dir, name), { recursive: true });
    }
    symlinkSync(join(ROOT, 'node_modules'), join(this.dir, 'node_modules'));
  }

  /** Runs one command of the project to its end. */
  run(words: readonly [string, ...string[]], env: Record<string, string> = {}): Promise<Ended> {
    const [file, ...args] = words;
    return new Promise((resolve) => {
      const options = { cwd: this.dir, env: { ...process.env, ...env }, timeout: COMMAND_MS };
      const child = execFile(file, args, options, (_, stdout, stderr) =>
        resolve({ code: child.exitCode, stdout, stderr }),
      );
    });
  }

  /**
   * `npm start`, until it says that it is ready.
   * @param options of the command
   */
  async start(port: number, ...options: string[]): Promise<Started> {
    const started = this.starting(port, ...options);
    await started.until(READY);
    return started;
  }

  /** The same, without waiting for it. */
  starting(port: number, ...options: string[]): Started {
    const started = new Started(
      spawn('npm', ['start', '--', ...options], {
        cwd: this.dir,
        env: { ...process.env, PORT: String(port) },
        stdio: ['ignore', 'pipe', 'pipe'],
        // A group of its own, as a terminal gives to a command.
        detached: true,
      }),
    );
    this.#started.push(started);
    return started;
  }

  /**
   * Ids of the processes that run in this directory, on Linux; none elsewhere.
   * @param command a part of their command line
   */
  processes(command = ''): number[] {
    if (process.platform !== 'linux') return [];
    const isOurs = (entry: string) => {
      try {
        if (readlinkSync(`/proc/${entry}/cwd`) !== this.dir) return false;
        return readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ').includes(command);
      } catch {
        return false;
      }
    };
    return readdirSync('/proc')
      .filter((entry) => /^\d+$/.test(entry) && isOurs(entry))
      .map(Number);
  }

  async remove(): Promise<void> {
    await Promise.all(this.#started.map((started) => started.stop('SIGTERM')));
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** A server that `npm start` runs. */
export class Started {
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  stdout = '';
  stderr = '';

  constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.on('data', (chunk) => {
      this.stdout += chunk;
    });
    child.stderr?.on('data', (chunk) => {
      this.stderr += chunk;
    });
    this.#ended = new Promise((resolve) => child.once('close', (code) => resolve(code)));
  }

  /** The process of npm. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Resolves with the exit code, null for a signal, when the process and all that write to its output have ended. */
  get ended(): Promise<number | null> {
    return this.#ended;
  }

  /** Waits for a text on stdout. */
  async until(text: string): Promise<void> {
    while (!this.stdout.includes(text)) {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null)
        throw new Error(`it ended:\n${this.stdout}\n${this.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Signals the group, as a terminal does, and waits for the end. */
  async stop(signal: NodeJS.Signals): Promise<number | null> {
    const { exitCode, signalCode, pid } = this.#child;
    if (exitCode === null && signalCode === null && pid !== undefined) process.kill(-pid, signal);
    return this.#ended;
  }
}
