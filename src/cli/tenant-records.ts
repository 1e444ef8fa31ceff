import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { BucketAnswer, RecordsClient } from './records-client.ts';
import type { RecordCommand } from './records-command.ts';
import { CallLines, explainText, type Paint, runsText, traceText, verifyText } from './records-text.ts';
import type { Output } from './tenant-output.ts';
import { CliError, humanBytes, printable, table } from './terminal.ts';

/** The commands about what the agents of a tenant did. */
export async function performForRecords(
  client: RecordsClient,
  command: RecordCommand,
  paint: Paint,
): Promise<Output> {
  switch (command.name) {
    case 'calls': {
      const answer = await client.calls(command.id, command.filters, command.limit);
      // Read from top to bottom, as a log is.
      const lines = new CallLines(paint).of(answer.calls.toReversed());
      return {
        document: answer,
        text: lines.length === 0 ? 'No record matches.' : withMore(lines.join('\n'), answer.next_cursor),
      };
    }
    case 'runs': {
      const answer = await client.runs(command.id, command.filters, command.limit);
      const text = answer.runs.length === 0 ? 'No run matches.' : runsText(answer.runs);
      return { document: answer, text: withMore(text, answer.next_cursor) };
    }
    case 'trace': {
      const { id, of, limit } = command;
      const answer = 'run' in of ? await client.run(id, of.run, limit) : await client.trace(id, of.trace);
      return { document: answer, text: traceText(answer, paint) };
    }
    case 'explain': {
      const answer = await client.explain(command.id, command.call);
      return { document: answer, text: explainText(answer) };
    }
    case 'export': {
      if ('to' in command) return bucketOutput(await client.exportToBucket(command.id));
      const { id, filters, file } = command;
      const { bytes } = await writeNew(file, await client.export(id, filters));
      return {
        document: { id, file, bytes },
        text: `${humanBytes(bytes)} were written to ${printable(file)}.`,
      };
    }
    case 'verify': {
      const answer = await client.verify(command.id);
      return { document: answer, text: verifyText(answer), isBad: answer.verdict === 'broken' };
    }
  }
}

function bucketOutput(answer: BucketAnswer): Output {
  const rows = answer.objects.map(({ object, first_record, last_record, bytes }) => [
    object,
    `${first_record} to ${last_record}`,
    humanBytes(bytes),
  ]);
  const text =
    rows.length === 0 ? 'The bucket has all records.' : table([['OBJECT', 'RECORDS', 'SIZE'], ...rows]);
  return { document: answer, text: answer.more ? `${text}\n\nThere are more: repeat the command.` : text };
}

/** Writes a file that must not exist. @throws CliError `file` */
async function writeNew(file: string, body: ReadableStream<Uint8Array>): Promise<{ bytes: number }> {
  const out = createWriteStream(file, { flags: 'wx', mode: 0o600 });
  try {
    await pipeline(Readable.fromWeb(body as import('node:stream/web').ReadableStream), out);
  } catch (error) {
    const exists = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    throw new CliError(
      'file',
      exists
        ? `${file} exists already. Name another file with --out.`
        : `${file} could not be written whole. Check its folder and the server, remove it and repeat the command.`,
    );
  }
  return { bytes: out.bytesWritten };
}

const withMore = (text: string, cursor: string | undefined) =>
  cursor === undefined
    ? text
    : `${text}\nThere are older ones. Show them with a higher --limit, or with --until.`;

const CODES = { red: 31, yellow: 33, dim: 2 } as const;

/** Colours for a terminal, unless its user wants none (https://no-color.org). */
export function painter(isTerminal: boolean, env: Readonly<Record<string, string | undefined>>): Paint {
  const isColoured = isTerminal && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb';
  return (color, text) => (isColoured ? `\u001b[${CODES[color]}m${text}\u001b[0m` : text);
}
