import { setTimeout as sleep } from 'node:timers/promises';
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
  /** What each connection calls, in turn; writes to the blackboard if it is left out. */
  readonly calls?: readonly (readonly ToolCall[])[];
  /** How long a connection rests after a call that was refused or has failed, in milliseconds. */
  readonly restMs?: number;
  /** Whether it leaves without waiting for its answers, when it is paused. */
  readonly leaves?: boolean;
}

export interface ToolCall {
  readonly tool: string;
  readonly args: object;
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

const writesOf = (connection: number): ToolCall[] =>
  Array.from({ length: 128 }, (_, step) => ({
    tool: 'blackboard_write',
    args: { key: `loop/${step % 64}`, value: `Attempt ${step} of connection ${connection}.` },
  }));

function requestsOf({ origin, token, calls }: RunawayTask, connection: number): Buffer[] {
  return (calls?.[connection] ?? writesOf(connection)).map(({ tool, args }) =>
    postRequest(
      `${origin}/mcp`,
      { ...mcpHeaders(ERA, tool), authorization: `Bearer ${token}` },
      callBody(ERA, tool, args),
    ),
  );
}

/** Calls until `isPaused`; then resolves, once every answer has come. */
async function loop(
  { origin, restMs = 0 }: RunawayTask,
  requests: readonly Buffer[],
  count: { calls: number; refused: number },
  isPaused: () => boolean,
  left: Promise<void>,
): Promise<void> {
  const connection = await Connection.open(origin);
  for (const request of cycle(requests)) {
    if (isPaused()) break;
    const answer = await Promise.race([connection.send(request), left]);
    if (answer === undefined) break;
    count.calls++;
    if (answer.status === 200 && !answer.body.includes('"isError"')) continue;
    count.refused++;
    if (restMs > 0) await sleep(restMs);
  }
  connection.close();
}

function serve(task: RunawayTask): void {
  const requests = Array.from({ length: task.connections }, (_, n) => requestsOf(task, n));
  let isPaused = true;
  let done: Promise<unknown> = Promise.resolve();
  let began = 0;
  let count = { calls: 0, refused: 0 };
  let leave = () => {};
  process.on('message', async ({ kind }: RunawayMessage) => {
    if (kind === 'start') {
      [isPaused, began, count] = [false, performance.now(), { calls: 0, refused: 0 }];
      const left = new Promise<void>((resolve) => {
        leave = resolve;
      });
      done = Promise.all(requests.map((own) => loop(task, own, count, () => isPaused, left)));
    } else {
      isPaused = true;
      if (task.leaves === true) leave();
      await done;
      const { user, system } = process.cpuUsage();
      const cpuSeconds = (user + system) / 1e6;
      process.send?.({ ...count, ms: performance.now() - began, cpuSeconds } satisfies RunawayReport);
    }
  });
}

process.once('message', serve);
