/** Serve MCP's `completion/complete`: what is stored that begins with what a person has typed. */
import * as z from 'zod';
import { boardNames } from '../tools/blackboard/boards.ts';
import { keyCondition, NOT_EXPIRED } from '../tools/blackboard/cell.ts';
import { ALL_STATES, STATE_PARTS } from '../tools/blackboard/claim-state.ts';
import { runId, text } from '../tools/fields.ts';
import { defineTool, type Sql } from '../tools/tool.ts';

/** The longest name, that of a key. */
const MAX_PREFIX_CHARS = 256;
/** Of one answer (MCP, "Completion"). */
const MAX_VALUES = 100;
/** How many rows one call examines: an expired one is no value, and several can be the same value. */
const MAX_ROWS = 200;
const MAX_ROWS_OF_FOLDERS = 1_000;
const MAX_SCARS = 500;

const common = {
  cost: 1,
  grows: false,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  output: z.strictObject({
    values: z.array(z.string()),
    more: z.boolean().describe('There are more values, or rows that were not examined.'),
  }),
} as const;
const typed = () => text(0, MAX_PREFIX_CHARS).describe('What was typed so far.');

/** The first values of a list that may go on. */
function firstOf(values: Iterable<string>, isExamined: boolean) {
  const all = [...values];
  return { values: all.slice(0, MAX_VALUES), more: !isExamined || all.length > MAX_VALUES };
}

export const completionBoards = defineTool({
  ...common,
  name: 'completion_boards',
  title: 'Complete a board',
  description: 'Lists the boards whose name begins with a text, ordered by name.',
  scope: 'blackboard:read',
  input: z.strictObject({ prefix: typed() }),
  log: { prefix: 'plain' },
  run({ prefix }, { sql, now }) {
    const { names, more } = boardNames(sql, prefix, MAX_ROWS, now);
    return firstOf(names, !more);
  },
});

export const completionKeys = defineTool({
  ...common,
  name: 'completion_keys',
  title: 'Complete a key',
  description: 'Lists the keys of a board that begin with a text, or the folders that they are in, in order.',
  scope: 'blackboard:read',
  input: z.strictObject({
    run_id: runId(),
    prefix: typed(),
    folders: z
      .boolean()
      .default(false)
      .describe('The folders, each with its last slash, instead of the keys.'),
  }),
  log: { run_id: 'plain', prefix: 'plain', folders: 'plain' },
  run({ run_id, prefix, folders }, { sql, now }) {
    const { keys, more } = keysFrom(sql, run_id, prefix, folders ? MAX_ROWS_OF_FOLDERS : MAX_ROWS, now);
    return firstOf(folders ? foldersOf(keys, prefix.normalize('NFC')) : keys, !more);
  },
});

/** The unexpired keys that begin with `prefix`, among the first `limit` cells. */
function keysFrom(sql: Sql, runId: string, prefix: string, limit: number, now: number) {
  const { where, bindings } = keyCondition(runId, prefix);
  // The index has the columns, so no row is read.
  const parts = STATE_PARTS.map(
    (part) => `SELECT key, ${NOT_EXPIRED} AS live FROM board_cells INDEXED BY ${ALL_STATES.index}
      WHERE ${part} AND ${where}`,
  );
  const rows = sql.exec<{ key: string; live: number }>(
    `${parts.join(' UNION ALL ')} ORDER BY key LIMIT ?`,
    ...parts.flatMap(() => [now, ...bindings]),
    limit + 1,
  );
  const keys = rows.slice(0, limit).flatMap(({ key, live }) => (live === 1 ? [key] : []));
  return { keys, more: rows.length > limit };
}

/** The folders of these keys, outer ones before inner ones, that begin with `prefix`. */
function foldersOf(keys: readonly string[], prefix: string): Set<string> {
  const folders = new Set<string>();
  for (const key of keys)
    for (let end = key.indexOf('/', prefix.length - 1); end !== -1; end = key.indexOf('/', end + 1))
      folders.add(key.slice(0, end + 1));
  return folders;
}

/** Each column that can be completed, read from the failures that were seen last. */
const RECENT = {
  tool: 'SELECT tool AS name FROM scars INDEXED BY scars_recent ORDER BY last_seen DESC LIMIT ?',
  project: 'SELECT project AS name FROM scars INDEXED BY scars_recent ORDER BY last_seen DESC LIMIT ?',
} as const;

export const completionScars = defineTool({
  ...common,
  name: 'completion_scars',
  title: 'Complete a name of failures',
  description:
    'Lists the tools or projects of the failures that were seen last, those that begin with a text.',
  scope: 'scar:read',
  input: z.strictObject({ of: z.enum(['tool', 'project']), prefix: typed() }),
  log: { of: 'plain', prefix: 'plain' },
  run({ of, prefix }, { sql }) {
    const rows = sql.exec<{ name: string | null }>(RECENT[of], MAX_SCARS + 1);
    const begins = prefix.normalize('NFC').toLowerCase();
    const names = rows
      .slice(0, MAX_SCARS)
      .flatMap(({ name }) => (name?.toLowerCase().startsWith(begins) ? [name] : []));
    return firstOf(new Set(names), rows.length <= MAX_SCARS);
  },
});
