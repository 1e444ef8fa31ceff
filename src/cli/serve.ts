import { untilHealthy } from './health.ts';
import { watchNpm } from './parent-watch.ts';
import { type ServerOptions, ServerProcess } from './server-process.ts';
import { CliError } from './terminal.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** More crashes than this within a minute are a fault that restarting does not fix. */
const MAX_CRASHES = 3;
const CRASH_WINDOW_MS = 60_000;

/** Counts crashes, to decide whether the server is restarted once more. */
export class CrashHistory {
  #times: number[] = [];

  /**
   * Records a crash.
   * @param now in milliseconds
   * @returns whether there were too many within the last minute
   */
  add(now: number): boolean {
    this.#times = [...this.#times.filter((at) => at > now - CRASH_WINDOW_MS), now];
    return this.#times.length > MAX_CRASHES;
  }
}

interface Serving {
  readonly server: ServerOptions;
  /** The address that the server is reached at, without a path. */
  readonly base: string;
  /** Called when the server has become ready for the first time. */
  introduce(): Promise<void>;
}

/**
 * Runs the server until this process is told to stop. If workerd crashes, the whole server is restarted, because
 * wrangler's own restart leaves its proxy waiting for ever.
 * @throws CliError `ended` when the server ends by itself, `crashed` when it crashes again and again
 */
export async function serve({ server, base, introduce }: Serving): Promise<void> {
  const stop = stopRequest();
  const crashes = new CrashHistory();
  for (let onReady = introduce; ; onReady = reportReady) {
    const result = await runServer(server, base, stop, onReady);
    if (result === 'stopped') return;
    if (result === 'ended') {
      throw new CliError('ended', 'The server ended by itself. Look for its messages above.');
    }
    if (crashes.add(Date.now())) {
      throw new CliError(
        'crashed',
        `The Workers runtime (workerd) crashed more than ${MAX_CRASHES} times within a minute. Look for its messages above.`,
      );
    }
    console.error('The Workers runtime (workerd) crashed. Restarting the server.');
  }
}

async function reportReady(): Promise<void> {
  console.error('The server is ready again.');
}

/** Runs one server process to its end. */
async function runServer(
  options: ServerOptions,
  base: string,
  stop: AbortSignal,
  onReady: () => Promise<void>,
): Promise<'stopped' | 'ended' | 'crashed'> {
  const server = new ServerProcess(options);
  const finished = new AbortController();
  const end = Promise.race([
    server.ended.then(() => 'ended' as const),
    server.crashed.then(() => 'crashed' as const),
    aborted(stop).then(() => 'stopped' as const),
  ]);
  const ready = async () => {
    await untilHealthy(base, finished.signal);
    if (finished.signal.aborted) return end;
    await onReady();
    server.relayLogs();
    return end;
  };
  try {
    return await Promise.race([end, ready()]);
  } finally {
    finished.abort();
    await server.stop();
  }
}

/** Aborted when this process is told to stop: by a signal, or because whoever started it or reads its output is gone. */
function stopRequest(): AbortSignal {
  const controller = new AbortController();
  const stop = () => controller.abort();
  for (const signal of SIGNALS) process.on(signal, stop);
  process.stdout.on('error', stop);
  process.stderr.on('error', stop);
  watchNpm(stop);
  return controller.signal;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
