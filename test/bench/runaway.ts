import { Connection, cycle, postRequest } from './connection.ts';
import { callBody, mcpHeaders } from './requests.ts';

/**
 * An agent that has lost control: it calls in a closed loop over several connections and ignores `retry_after_ms`.
 * It runs as a process of its own, and is controlled by messages.
 */

export interface RunawayTask {
  readonly origin: string;
  readonly token: string;
  readonly connections: number;
}

export interface RunawayMessage {
  readonly kind: 'start' | 'pause';
}

export interface RunawayReport {
  readonly calls: number;
  readonly refused: number;
  readonly ms: number;
  /** CPU time of its process, since it was started. */
  readonly cpuSeconds: number;
}

const ERA = '2026-07-28';
const TOOL = 'blackboard_write';

function requestsOf({ origin, token }: RunawayTask, connection: number): Buffer[] {
  const headers = { ...mcpHeaders(ERA, TOOL), authorization: `Bearer ${token}` };
  return Array.from({ length: 128 }, (_, step) =>
    postRequest(
      `${origin}/mcp`,
      headers,
      callBody(ERA, TOOL, {
        key: `loop/${step % 64}`,
        value: `Attempt ${step} of connection ${connection}.`,
      }),
    ),
  );
}

/** Calls until `isPaused`; then resolves, once every answer has come. */
async function loop(
  origin: string,
  requests: readonly Buffer[],
  count: { calls: number; refused: number },
  isPaused: () => boolean,
): Promise<void> {
  const connection = await Connection.open(origin);
  for (const request of cycle(requests)) {
    if (isPaused()) break;
    const { status, body } = await connection.send(request);
    count.calls++;
    if (status !== 200 || body.includes('"isError"')) count.refused++;
  }
  connection.close();
}

function serve(task: RunawayTask): void {
  const requests = Array.from({ length: task.connections }, (_, n) => requestsOf(task, n));
  let isPaused = true;
  let done: Promise<unknown> = Promise.resolve();
  let began = 0;
  let count = { calls: 0, refused: 0 };
  process.on('message', async ({ kind }: RunawayMessage) => {
    if (kind === 'start') {
      [isPaused, began, count] = [false, performance.now(), { calls: 0, refused: 0 }];
      done = Promise.all(requests.map((own) => loop(task.origin, own, count, () => isPaused)));
    } else {
      isPaused = true;
      await done;
      const { user, system } = process.cpuUsage();
      const cpuSeconds = (user + system) / 1e6;
      process.send?.({ ...count, ms: performance.now() - began, cpuSeconds } satisfies RunawayReport);
    }
  });
}

process.once('message', serve);
