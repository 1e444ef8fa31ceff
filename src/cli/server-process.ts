import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { LineSplitter } from '../json/lines.ts';
import type { DevServerOptions } from './dev-server.ts';

/** How long the server may take to end by itself before it is killed. */
const STOP_MS = 6000;
const POLL_MS = 25;
/** A longer line of the server's output is dropped; its own log lines are cut well before. */
const MAX_LINE_BYTES = 1024 * 1024;
const PROGRAM = fileURLToPath(new URL('dev-server.ts', import.meta.url));

/** Keeps wrangler from writing files, from printing its own messages and from contacting its makers. */
const QUIET = {
  WRANGLER_SEND_METRICS: 'false',
  WRANGLER_SEND_ERROR_REPORTS: 'false',
  WRANGLER_HIDE_BANNER: 'true',
  WRANGLER_WRITE_LOGS: 'false',
  CLOUDFLARE_CF_FETCH_ENABLED: 'false',
  FORCE_COLOR: '0',
};

/** Lines of wrangler itself that are of no interest: those of a low level, and signs of progress. */
const CHATTER = /^(\[wrangler:(debug|info)\]|⎔|\s*$)/u;
/** Printed by wrangler, on stdout, when workerd, the process that runs the Worker, has ended unexpectedly. */
const CRASH = /The Workers runtime crashed unexpectedly/;

export interface ServerOptions extends DevServerOptions {
  /** The folder of the project. */
  readonly root: string;
  /** Whether wrangler's local explorer is served. */
  readonly explorer: boolean;
}

/**
 * The development server in a child process, with everything that it starts. On POSIX systems these form a process
 * group, so that one signal reaches all of them. The child ends when its standard input ends, so nothing is left
 * behind even if this process is killed.
 */
export class ServerProcess {
  readonly #child: ChildProcess;
  #state: 'starting' | 'serving' | 'stopping' = 'starting';
  /** Resolves when the server has ended, for whatever reason. */
  readonly ended: Promise<void>;
  /** Resolves when workerd has crashed for the first time. */
  readonly crashed: Promise<void>;

  constructor({ root, explorer, port, vars }: ServerOptions) {
    const options: DevServerOptions = { port, vars };
    this.#child = spawn(process.execPath, [PROGRAM, JSON.stringify(options)], {
      cwd: root,
      env: { ...process.env, ...QUIET, X_LOCAL_EXPLORER: String(explorer) },
      stdio: ['pipe', 'pipe', 'pipe'],
      // On Windows this would open another console window; process groups exist on POSIX systems only.
      detached: process.platform !== 'win32',
    });
    const ended = Promise.withResolvers<void>();
    const crashed = Promise.withResolvers<void>();
    this.ended = ended.promise;
    this.crashed = crashed.promise;
    this.#child.once('exit', () => {
      // Whatever the cause, the rest of the group is of no use without its leader.
      this.#signal('SIGKILL');
      ended.resolve();
    });
    this.#child.once('error', (error) => {
      console.error(error.message);
      ended.resolve();
    });
    // The child may be gone when its standard input is closed.
    this.#child.stdin?.on('error', () => {});
    this.#onLine(this.#child.stdout, (line) => {
      if (CRASH.test(line)) crashed.resolve();
      else if (this.#state === 'serving' && !CHATTER.test(line)) console.log(line);
    });
    this.#onLine(this.#child.stderr, (line) => {
      if (this.#state !== 'stopping' && !CHATTER.test(line)) console.error(line);
    });
    // Covers the case that this process ends because of an error of its own.
    process.once('exit', () => this.#signal('SIGKILL'));
  }

  /** Prints the Worker's log lines from now on. Errors are printed from the start. */
  relayLogs(): void {
    this.#state = 'serving';
  }

  /** Ends the server with everything that it started, and waits until all of it is gone. */
  async stop(): Promise<void> {
    this.#state = 'stopping';
    this.#child.stdin?.end();
    const deadline = Date.now() + STOP_MS;
    while (this.#signal(0)) {
      if (Date.now() > deadline) this.#signal('SIGKILL');
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /**
   * Signals the process group; on Windows the child only, whose own children then end because their input ends.
   * @returns whether there was anything to signal
   */
  #signal(signal: NodeJS.Signals | 0): boolean {
    const { pid } = this.#child;
    if (pid === undefined) return false;
    try {
      return process.platform === 'win32' ? this.#child.kill(signal) : process.kill(-pid, signal);
    } catch {
      return false;
    }
  }

  #onLine(stream: NodeJS.ReadableStream | null, handle: (line: string) => void): void {
    if (stream === null) return;
    // Node's readline would also end a line at U+2028, which stands inside of JSON texts.
    const splitter = new LineSplitter(
      { onLine: (line) => handle(line.toString('utf8')), onOversizedLine: () => {} },
      MAX_LINE_BYTES,
    );
    stream.on('data', (chunk: Buffer) => splitter.push(chunk));
  }
}
