import * as z from 'zod';
import { invalidInput } from '../errors.ts';
import { count, keyPath, runId } from '../fields.ts';
import { defineTool, type ToolContext } from '../tool.ts';
import { ageSeconds, type Cell, cellKey, isExpired, live, loadCells, secondsLeft, tagList } from './cell.ts';
import { CLAIM_STATES, describeClaim } from './claim-state.ts';
import { agent, revision } from './fields.ts';
import { type Version, versionsOf, versionValue } from './history.ts';
import { nearKeys } from './near-keys.ts';
import { parsePointer, resolvePointer } from './pointer.ts';
import { DEFAULT_READ_BYTES, MAX_VALUE_BYTES, showPart, showValue } from './value.ts';

const MAX_KEYS_READ = 20;
const MAX_POINTER_CHARS = 1_024;

const input = z.strictObject({
  run_id: runId(),
  agent: agent(),
  key: keyPath().optional(),
  keys: z.array(keyPath()).min(1).max(MAX_KEYS_READ).optional().describe('Several cells, instead of key.'),
  path: z
    .string()
    .max(MAX_POINTER_CHARS)
    .optional()
    .describe('JSON Pointer into the value, as /items/0/name: only that part is returned.'),
  at_rev: revision().optional().describe('The value as it was at this rev.'),
  history: z.boolean().default(false).describe('List the kept versions: the newest 20, up to 7 days.'),
  if_newer_than: revision().optional().describe('A rev you know: the value is left out unless it is newer.'),
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
        .describe('Why it was not found; version_not_kept: nothing is known of the cell at at_rev.'),
      value: z.unknown().optional(),
      unchanged: z.literal(true).optional(),
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
          expires_in_s: count().optional(),
          attempts: count().describe('Claims since the last result.'),
        })
        .optional()
        .describe('Left out when nobody holds the cell and no claim of it failed.'),
      truncated: z.literal(true).optional().describe('value is the beginning of the JSON text.'),
      bytes: count().optional().describe('The size of the whole value, when truncated.'),
      versions: z
        .array(
          z.strictObject({
            rev: revision(),
            op: z.string().optional(),
            by: z.string(),
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
    .describe('Keys on this board that are like the first absent one.'),
});

type Args = z.output<typeof input>;
type Entry = z.output<typeof output>['entries'][number];
/** A version of a cell, current or not, with as much of the value as is needed. */
type Held = Pick<Cell, 'rev' | 'author' | 'expires_at' | 'bytes' | 'tags' | 'value'> & { at: number };
type Request = {
  readonly args: Args;
  readonly pointer: readonly string[] | undefined;
  readonly maxChars: number;
};

export const blackboardRead = defineTool({
  name: 'blackboard_read',
  title: 'Read from the blackboard',
  description:
    'Returns what agents stored under one or several keys of a board, with its rev, author and age. ' +
    'Values are cut at 8 KiB unless max_bytes asks for more; path picks a part. ' +
    'Give if_newer_than with the rev you know to learn cheaply whether anything changed; history and at_rev look back.',
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
    const cells = loadCells(context.sql, args.run_id, keys, request.maxChars);
    const entries = keys.map((key): Entry => {
      const cell = cells.get(key);
      const versions =
        args.history || args.at_rev !== undefined
          ? versionsOf(context.sql, args.run_id, key, context.now)
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
    if (absent === undefined) return { entries };
    const near = nearKeys(context.sql, args.run_id, absent.key, context.now);
    return near.length === 0 ? { entries } : { entries, did_you_mean: near };
  },
});

function prepare(args: Args): Request {
  if (args.at_rev !== undefined && args.if_newer_than !== undefined)
    throw invalidInput('at_rev', 'at_rev and if_newer_than exclude each other; leave one out.');
  const pointer = args.path === undefined ? undefined : parsePointer(args.path);
  if (args.path !== undefined && pointer === undefined)
    throw invalidInput(
      'path',
      'path must be a JSON Pointer: empty, or parts that each begin with /, with ~ written ~0 and / written ~1.',
    );
  // A text has no more characters than bytes, so this many characters of it are enough.
  return { args, pointer, maxChars: pointer === undefined ? args.max_bytes : MAX_VALUE_BYTES };
}

function requestedKeys({ agent, key, keys }: Args): string[] {
  if (key !== undefined && keys !== undefined)
    throw invalidInput('keys', 'key and keys exclude each other; leave one out.');
  if (key !== undefined) return [cellKey(agent, key, 'key')];
  if (keys === undefined) throw invalidInput('key', 'key is required, or keys to read several cells.');
  return [...new Set(keys.map((one, i) => cellKey(agent, one, `keys[${i}]`)))];
}

function readCurrent(key: string, cell: Cell | undefined, request: Request, { now }: ToolContext): Entry {
  const current = live(cell, now);
  if (current === undefined) return { key, found: false, reason: 'absent', rev: 0 };
  const shown = show(key, { ...current, at: current.updated_at }, request, now);
  return { ...shown, claim: describeClaim(current, now) };
}

/** What the cell held at `atRev`, as far as it is kept. A value whose time to live is over is not shown either. */
function readVersion(
  key: string,
  cell: Cell | undefined,
  versions: readonly Version[],
  atRev: number,
  request: Request,
  { sql, now }: ToolContext,
): Entry {
  if (cell !== undefined && cell.rev <= atRev)
    return showUnlessExpired(key, { ...cell, at: cell.updated_at }, request, now);
  const version = versions.find(({ rev }) => rev <= atRev);
  if (version === undefined) {
    const known = cell !== undefined || versions.length > 0;
    return { key, found: false, reason: known ? 'version_not_kept' : 'absent', rev: 0 };
  }
  const value = versionValue(sql, version.rev, request.maxChars);
  if (value === undefined || version.bytes === null)
    return { key, found: false, reason: 'deleted', rev: version.rev };
  return showUnlessExpired(key, { ...version, value, bytes: version.bytes }, request, now);
}

function showUnlessExpired(key: string, held: Held, request: Request, now: number): Entry {
  if (isExpired(held.expires_at, now)) return { key, found: false, reason: 'expired', rev: held.rev };
  return show(key, held, request, now);
}

function show(key: string, held: Held, { args, pointer }: Request, now: number): Entry {
  const about = {
    rev: held.rev,
    by: held.author,
    age_s: ageSeconds(held.at, now),
    expires_in_s: secondsLeft(held.expires_at, now),
    tags: tagList(held.tags),
  };
  if (args.if_newer_than !== undefined && held.rev <= args.if_newer_than)
    return { key, found: true, unchanged: true, ...about };
  if (pointer === undefined)
    return { key, found: true, ...showValue(held.value, held.bytes, args.max_bytes), ...about };
  const part = resolvePointer(JSON.parse(held.value), pointer);
  if (part === undefined) return { key, found: false, reason: 'path_not_found', ...about };
  return { key, found: true, ...showPart(part, args.max_bytes), ...about };
}

/** The versions that are kept, and the current one even when it is older than they may be. */
function describeVersions(
  cell: Cell | undefined,
  versions: readonly Version[],
  now: number,
): NonNullable<Entry['versions']> {
  const listed = versions.map(({ rev, op, author, at, bytes }) => ({
    rev,
    op,
    by: author,
    age_s: ageSeconds(at, now),
    bytes: bytes ?? undefined,
  }));
  const current = live(cell, now);
  if (current === undefined || listed.some(({ rev }) => rev === current.rev)) return listed;
  const { rev, author, updated_at, bytes } = current;
  return [{ rev, by: author, age_s: ageSeconds(updated_at, now), bytes }, ...listed];
}
