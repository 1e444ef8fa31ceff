import type { RecordsClient } from './records-client.ts';
import type { RecordCommand } from './records-command.ts';
import { CallLines, explainText, type Paint, runsText, traceText, verifyText } from './records-text.ts';
import type { Output } from './tenant-output.ts';

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
    case 'verify': {
      const answer = await client.verify(command.id);
      return { document: answer, text: verifyText(answer), isBad: answer.verdict === 'broken' };
    }
  }
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
