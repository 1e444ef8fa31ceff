import { CliError } from './terminal.ts';

const READY_MS = 60_000;
const POLL_MS = 100;
const PROBE_MS = 2000;

/**
 * Waits until the server answers, or until `signal` is aborted.
 * @param base the server's address, without a path
 * @throws CliError `not_ready` after 60 seconds
 */
export async function untilHealthy(base: string, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + READY_MS;
  while (!signal.aborted) {
    if (await isHealthy(base)) return;
    if (Date.now() > deadline) {
      throw new CliError(
        'not_ready',
        `The server was not ready within ${READY_MS / 1000} seconds. Look for a build error above.`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function isHealthy(base: string): Promise<boolean> {
  try {
    const response = await fetch(`${base}/health`, { signal: AbortSignal.timeout(PROBE_MS) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}
