import { setTimeout as wait } from 'node:timers/promises';
import { toJsonLine } from '../json/json-line.ts';
import { type Entry, entrySchema } from '../tenant/records/reading/entry.ts';
import type { RecordsClient } from './records-client.ts';
import type { RecordCommand } from './records-command.ts';
import { CallLines, type Paint } from './records-text.ts';
import type { Write } from './tenant-list.ts';
import { CliError } from './terminal.ts';

/** How long a stream that has broken off stays closed, in milliseconds. */
const REOPEN_MS = 1000;

/**
 * `calls --follow`: the newest calls, then each further one when it has ended, until nobody reads the output any more.
 * @param json one call a line
 */
export async function followCalls(
  client: RecordsClient,
  { id, filters, limit }: Extract<RecordCommand, { name: 'calls' }>,
  { json, paint, write }: { json: boolean; paint: Paint; write: Write },
): Promise<void> {
  const lines = new CallLines(paint);
  const textOf = (calls: readonly Entry[]) =>
    (json ? calls.map(toJsonLine) : lines.of(calls)).map((line) => `${line}\n`).join('');
  const { calls } = await client.calls(id, filters, limit);
  let last = calls[0]?.id;
  if (!(await write(textOf(calls.toReversed())))) return;
  const { until: _, ...open } = filters;
  for (;;) {
    try {
      for await (const call of eventsOf(await client.follow(id, open, last))) {
        last = call.id;
        if (!(await write(textOf([call])))) return;
      }
    } catch (error) {
      // A server that restarts is reached again; what it refuses is not asked again.
      if (error instanceof CliError && error.code !== 'unreachable') throw error;
    }
    await wait(REOPEN_MS);
  }
}

/** The calls in a stream of server-sent events. */
async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Entry> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    const frames = text.split('\n\n');
    text = frames.pop() ?? '';
    for (const frame of frames) {
      const data = frame.split('\n').find((line) => line.startsWith('data: '));
      if (data !== undefined) yield entrySchema.loose().parse(JSON.parse(data.slice('data: '.length)));
    }
  }
}
