import * as z from 'zod';
import { jsonBytes } from '../../json/raw-json.ts';
import { utf8Bytes } from '../../json/utf8.ts';
import { AnswerBudget } from '../answer-budget.ts';
import { invalidInput, noneOf, notWith } from '../errors.ts';
import { count, howToGetTheRest, keyPath, leftOut, runId } from '../fields.ts';
import { showValue } from '../shown-value.ts';
import { ageSeconds, secondsLeft } from '../time.ts';
import { defineTool, type ToolContext } from '../tool.ts';
import { bytesToLoad, type Cell, cellKey, isExpired, loadCells, unlessExpired } from './cell.ts';
import { CLAIM_STATES, describeClaim } from './claim-state.ts';
import { agent, claimFields, revision } from './fields.ts';
import { listVersions, type Version, versionValue } from './history.ts';
import { followPointer, parsePointer } from './json-pointer.ts';
import { showAuthor, showTags } from './show-cell.ts';
import { suggestKeys } from './suggest-keys.ts';
import { DEFAULT_READ_BYTES, MAX_VALUE_BYTES } from './value.ts';

const MAX_KEYS_READ = 20;
const MAX_POINTER_CHARS = 1_024;
/** Values of more bytes are not loaded before their sizes are known. */
const SURELY_READABLE = 2 * MAX_VALUE_BYTES;

const input = z.strictObject({
  run_id: runId(),
  agent: agent(),
  key: keyPath().optional(),
  keys: z.array(keyPath()).min(1).max(MAX_KEYS_READ).optional().describe('Up to 20, instead of key.'),
  path: z.string().max(MAX_POINTER_CHARS).optional().describe('JSON Pointer, such as /items/0.'),
  at_rev: revision().optional().describe('The value as of this rev.'),
  history: z.boolean().default(false).describe('List kept versions.'),
  if_newer_than: revision().optional().describe('Value only if newer than this rev.'),
  max_bytes: z.int().min(1).max(MAX_VALUE_BYTES).default(DEFAULT_READ_BYTES),
});

const output = z.strictObject({
  entries: z.array(
    z.strictObject({
      key: z.string(),
      found: z.boolean(),
      reason: z
        .enum(['absent', 'path_not_found', 'deleted', 'expired', 'version_not_kept'])
        .optional()
        .describe('Why nothing was found; version_not_kept: none as old as at_rev is stored.'),
      value: z.unknown().optional(),
      unchanged: z.literal(true).optional(),
      hint: z.string().optional(),
      rev: revision(),
      by: z.string().optional(),
      age_s: count().optional(),
      expires_in_s: count().optional(),
      tags: z.array(z.string()).optional(),
      claim: z
        .strictObject({
          state: z.enum(CLAIM_STATES),
          by: z.string().optional(),
          fence: revision().optional(),
          ...claimFields,
        })
        .optional()
        .describe('Omitted if the cell was not claimed since its value was written.'),
      truncated: z.literal(true).optional().describe('value is the start of the JSON text.'),
      left_out: leftOut(),
      bytes: count().optional().describe('Full size, when truncated or left out.'),
      versions: z
        .array(
          z.strictObject({
            rev: revision(),
            op: z.string().optional(),
            by: z.string().optional(),
            age_s: count(),
            bytes: count().optional(),
          }),
        )
        .optional()
        .describe('Newest first.'),
    }),
  ),
  did_you_mean: z
    .array(z.string())
    .optional()
    .describe('Similar keys on this board, for the first absent one.'),
  hint: howToGetTheRest(),
});

type Args = z.output<typeof input>;
type Entry = z.output<typeof output>['entries'][number];
/** The current or an earlier version of a cell. `value` may be only the start of the text. */
type Snapshot = Pick<Cell, 'rev' | 'author' | 'principal' | 'expires_at' | 'bytes' | 'tags' | 'value'> & {
  at: number;
};
type ReadRequest = {
  readonly args: Args;
  readonly pointer: readonly string[] | undefined;
  readonly maxChars: number;
};

export const blackboardRead = defineTool({
  name: 'blackboard_read',
  title: 'Read from the blackboard',
  description:
    'Reads cells of a board: value, rev, author and age. Values over 8 KiB are cut: raise max_bytes, or take one part ' +
    'with path. if_newer_than with the rev you know checks cheaply for changes.',
  scope: 'blackboard:read',
  cost: 1,
  grows: false,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input,
  output,
  log: {
    run_id: 'plain',
    agent: 'plain',
    key: 'plain',
    keys: 'plain',
    path: 'plain',
    at_rev: 'plain',
    history: 'plain',
    if_newer_than: 'plain',
    max_bytes: 'plain',
  },
  run(args, context) {
    const request = prepare(args);
    const keys = requestedKeys(args);
    if (keys.length * request.maxChars > SURELY_READABLE)
      context.requireReadable(bytesToLoad(context.sql, args.run_id, keys, request.maxChars));
    const cells = loadCells(context.sql, args.run_id, keys, request.maxChars);
    const entries = keys.map((key): Entry => {
      const cell = cells.get(key);
      const versions =
        args.history || args.at_rev !== undefined
          ? listVersions(context.sql, args.run_id, key, context.now)
          : undefined;
      const entry =
        args.at_rev === undefined
          ? readCurrent(key, cell, request, context)
          : readVersion(key, cell, versions ?? [], args.at_rev, request, context);
      return args.history
        ? { ...entry, versions: describeVersions(cell, versions ?? [], context.now) }
        : entry;
    });
    const absent = entries.find(({ reason }) => reason === 'absent');
    const near = absent && suggestKeys(context.sql, args.run_id, absent.key, context.now);
    return { ...fitted(entries, args, context), did_you_mean: near?.length === 0 ? undefined : near };
  },
});

/** What fits of the values, and how to get the others. */
function fitted(entries: readonly Entry[], { max_bytes }: Args, { answerBytes }: ToolContext) {
  const budget = new AnswerBudget(Math.max(answerBytes, max_bytes));
  const shown = budget.wholeOrShort(entries.map((whole) => ({ whole, short: withoutValue(whole) })));
  return { entries: shown, hint: shown.some(({ left_out }) => left_out) ? LEFT_OUT_HINT : undefined };
}

const LEFT_OUT_HINT =
  'Entries with left_out did not fit. Read them one by one with key, a part with path, or raise max_bytes.';

function withoutValue({ key, found, reason, rev, value, bytes }: Entry): Entry {
  const size = value === undefined ? undefined : (bytes ?? jsonBytes(value));
  return { key, found, reason, rev, left_out: true, bytes: size };
}

function prepare(args: Args): ReadRequest {
  if (args.at_rev !== undefined && args.if_newer_than !== undefined)
    throw notWith(
      'at_rev',
      ['at_rev', 'if_newer_than'],
      'at_rev and if_newer_than cannot be combined. Leave one out.',
    );
  const pointer = args.path === undefined ? undefined : parsePointer(args.path);
  if (args.path !== undefined && pointer === undefined)
    throw invalidInput(
      'path',
      'path is not a JSON Pointer. Start each part with / and write ~ as ~0 and / as ~1, or leave path empty.',
      { expected: 'JSON Pointer', received: 'string' },
    );
  // A text never has more characters than bytes, so `max_bytes` characters are enough.
  return { args, pointer, maxChars: pointer === undefined ? args.max_bytes : MAX_VALUE_BYTES };
}

function requestedKeys({ agent, key, keys }: Args): string[] {
  if (key !== undefined && keys !== undefined)
    throw notWith('keys', ['key', 'keys'], 'key and keys cannot be combined. Leave one out.');
  if (key !== undefined) return [cellKey(agent, key, 'key')];
  if (keys === undefined)
    throw noneOf('key', ['key', 'keys'], 'No cell is named. Give key, or keys to read several cells.');
  return [...new Set(keys.map((one, i) => cellKey(agent, one, `keys[${i}]`)))];
}

function readCurrent(key: string, cell: Cell | undefined, request: ReadRequest, { now }: ToolContext): Entry {
  const current = unlessExpired(cell, now);
  if (current === undefined) return { key, found: false, reason: 'absent', rev: 0 };
  const entry = describeSnapshot(key, { ...current, at: current.updated_at }, request, now);
  return { ...entry, claim: describeClaim(current, now) };
}

/** The cell as of `atRev`, if that version is still stored. A version whose expiry has passed is not shown. */
function readVersion(
  key: string,
  cell: Cell | undefined,
  versions: readonly Version[],
  atRev: number,
  request: ReadRequest,
  { sql, now }: ToolContext,
): Entry {
  if (cell !== undefined && cell.rev <= atRev)
    return describeUnlessExpired(key, { ...cell, at: cell.updated_at }, request, now);
  const version = versions.find(({ rev }) => rev <= atRev);
  if (version === undefined) {
    const known = cell !== undefined || versions.length > 0;
    return { key, found: false, reason: known ? 'version_not_kept' : 'absent', rev: 0 };
  }
  const value = versionValue(sql, version.rev, request.maxChars);
  if (value === undefined || version.bytes === null)
    return { key, found: false, reason: version.op === 'expired' ? 'expired' : 'deleted', rev: version.rev };
  return describeUnlessExpired(key, { ...version, value, bytes: version.bytes }, request, now);
}

function describeUnlessExpired(key: string, snapshot: Snapshot, request: ReadRequest, now: number): Entry {
  if (isExpired(snapshot.expires_at, now)) return { key, found: false, reason: 'expired', rev: snapshot.rev };
  return describeSnapshot(key, snapshot, request, now);
}

function describeSnapshot(
  key: string,
  snapshot: Snapshot,
  { args, pointer }: ReadRequest,
  now: number,
): Entry {
  const about = {
    rev: snapshot.rev,
    ...showAuthor(snapshot),
    age_s: ageSeconds(snapshot.at, now),
    expires_in_s: secondsLeft(snapshot.expires_at, now),
    ...showTags(snapshot.tags),
  };
  if (args.if_newer_than !== undefined && snapshot.rev <= args.if_newer_than)
    return { key, found: true, unchanged: true, ...about };
  if (pointer === undefined)
    return { key, found: true, ...showValue(snapshot.value, snapshot.bytes, args.max_bytes), ...about };
  const { text, isFound } = followPointer(snapshot.value, pointer);
  if (!isFound) {
    const hint = LIKE_JSON_TEXT.test(endsOf(text)) ? TEXT_HINT : undefined;
    return { key, found: false, reason: 'path_not_found', hint, ...about };
  }
  return { key, found: true, ...showValue(text, utf8Bytes(text), args.max_bytes), ...about };
}

const TEXT_HINT =
  'path leads into text that looks like JSON, which has no parts. Read it with a shorter path or without one.';
const END_CHARS = 16;
/** The JSON text of a text that holds an object or a list. It is not parsed, because it can have a million characters. */
const LIKE_JSON_TEXT = /^"(?:[ ]|\\[nrt]){0,7}(?:\{.*\}|\[.*\])(?:[ ]|\\[nrt]){0,7}"$/;

/** The beginning and the end of a text. */
const endsOf = (text: string) =>
  text.length <= 2 * END_CHARS ? text : text.slice(0, END_CHARS) + text.slice(-END_CHARS);

/** The stored versions. The current one is listed even if it is older than versions are kept. */
function describeVersions(
  cell: Cell | undefined,
  versions: readonly Version[],
  now: number,
): NonNullable<Entry['versions']> {
  const listed = versions.map((version) => ({
    rev: version.rev,
    op: version.op,
    ...showAuthor(version),
    age_s: ageSeconds(version.at, now),
    bytes: version.bytes ?? undefined,
  }));
  const current = unlessExpired(cell, now);
  if (current === undefined || listed.some(({ rev }) => rev === current.rev)) return listed;
  const { rev, updated_at, bytes } = current;
  return [{ rev, ...showAuthor(current), age_s: ageSeconds(updated_at, now), bytes }, ...listed];
}
