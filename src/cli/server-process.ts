import { type ChildProcess, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

/** How long the server may take to end by itself before it is killed. */
const STOP_MS = 6000;
const POLL_MS = 25;

const QUIET = {
  WRANGLER_SEND_METRICS: 'false',
  WRANGLER_SEND_ERROR_REPORTS: 'false',
  WRANGLER_HIDE_BANNER: 'true',
  WRANGLER_WRITE_LOGS: 'false',
  CLOUDFLARE_CF_FETCH_ENABLED: 'false',
  FORCE_COLOR: '0',
};

/** wrangler's own words among the Worker's: its level in brackets, or a sign of progress. */
const CHATTER = /^(\[wrangler:(debug|info)\]|⎔|\s*$)/u;

function wranglerEntry(root: string): string {
  const require = createRequire(join(root, 'package.json'));
  return join(dirname(require.resolve('wrangler/package.json')), 'bin', 'wrangler.js');
}

/**
 * `wrangler dev` and everything that it starts, as one process group, so that a signal reaches all of it and nothing
 * is left behind.
 */
export class ServerProcess {
  readonly #child: ChildProcess;
  #state: 'starting' | 'serving' | 'stopping' = 'starting';
  /** Settles when wrangler has ended, whoever ended it. */
  readonly ended: Promise<void>;

  constructor(options: { root: string; port: number; vars: Readonly<Record<string, string>> }) {
    const vars = Object.entries(options.vars).flatMap(([name, value]) => ['--var', `${name}:${value}`]);
    const where = ['--ip', '127.0.0.1', '--port', String(options.port), '--inspector-port', '0'];
    this.#child = spawn(
      process.execPath,
      [
        wranglerEntry(options.root),
        'dev',
        '--local',
        ...where,
        ...vars,
        '--show-interactive-dev-session=false',
      ],
      {
        cwd: options.root,
        env: { ...process.env, ...QUIET },
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      },
    );
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#child.once('exit', () => resolve());
    this.#child.once('error', (error) => {
      console.error(error.message);
      resolve();
    });
    this.#lines(this.#child.stdout, (line) => {
      if (this.#state === 'serving' && !CHATTER.test(line)) console.log(line);
    });
    this.#lines(this.#child.stderr, (line) => {
      if (this.#state !== 'stopping' && !CHATTER.test(line)) console.error(line);
    });
    // The last resort, should this process end by an error of its own.
    process.once('exit', () => this.#signal('SIGKILL'));
  }

  /** From now on the Worker's log lines are printed. Errors are printed from the start. */
  relay(): void {
    this.#state = 'serving';
  }

  /** Ends the whole group, and waits until it is gone. */
  async stop(): Promise<void> {
    this.#state = 'stopping';
    this.#signal('SIGINT');
    const deadline = Date.now() + STOP_MS;
    while (this.#signal(0)) {
      if (Date.now() > deadline) {
        this.#signal('SIGKILL');
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** Signals the group; false when there is none any more. */
  #signal(signal: NodeJS.Signals | 0): boolean {
    if (this.#child.pid === undefined) return false;
    try {
      return process.kill(-this.#child.pid, signal);
    } catch {
      return false;
    }
  }

  #lines(from: NodeJS.ReadableStream | null, take: (line: string) => void): void {
    if (from !== null) createInterface({ input: from }).on('line', take);
  }
}
