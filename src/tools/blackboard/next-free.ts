/**
 * Chooses the cell that `blackboard_claim` takes when it is given a prefix or tags.
 *
 * Guarantees: it is the matching free cell with the lowest rev, and none is chosen only if none is free. The cost does not
 * depend on how many cells wait: an index has the free cells of each folder (the part of a key up to its last slash) in order of
 * rev, so the first that matches is the oldest. Folders in which no cell has the tags are left out.
 * It can be a later one if more than 200 cells have the tag, or no tag is given, and the filter rejects the 1,000 oldest free cells
 * of the searched folders: for example `queue/b-` after many older `queue/a-`. With more than 100 folders it is the oldest of the
 * first 1,000 in key order. Give each queue a folder of its own.
 */
import type { Sql, SqlValue, ToolContext } from '../tool.ts';
import { type Condition, keyCondition, NOT_EXPIRED, prefixRange } from './cell.ts';
import { FOREVER, IS_FREE, STATE_INDEXES } from './claim-state.ts';
import { endClaimsOf } from './expiry.ts';
import { type Selection, tagsCondition } from './listing.ts';

/** How many cells are examined in order of rev, in all folders together, and then in order of key. */
const MAX_EXAMINED = 1_000;
/** With more folders under a prefix, the board's order is used. */
const MAX_FOLDERS = 100;
/** A tag with at most this many cells is read completely. */
const MAX_OF_SMALL_TAG = 200;

/** As many cells as one call can claim. */
const MAX_CLAIMED = 10;

/** SQL: the folder of a cell, as its index has it. */
const FOLDER = "rtrim(key, replace(key, '/', ''))";

type Found = { id: number; rev: number };
/** `unknown`: none of the examined cells matches, and there are more. */
type Search = Found | 'none' | 'unknown';

/** The free cells of a selection, the oldest first. Its `state` is ignored. */
export class FreeCells {
  readonly #context: ToolContext;
  readonly #selection: Selection;
  /** The folders to search. Once all ended claims are cleared, no other folder gets a free cell during this call. */
  #folders: readonly string[] | 'too many' | undefined;
  /** The oldest that were found in key order: the search is not repeated for each cell of a call that claims several. */
  #inKeyOrder: Found[] = [];
  #hasEndedClaims = false;

  constructor(context: ToolContext, selection: Selection) {
    this.#context = context;
    this.#selection = selection;
  }

  /** The id of the oldest one. It is returned again unless the caller has claimed it. */
  oldest(): number | undefined {
    for (;;) {
      if (!this.#hasEndedClaims) {
        this.#hasEndedClaims = endClaimsOf(this.#context, this.#selection.runId);
        this.#folders = undefined;
        this.#inKeyOrder = [];
      }
      const found = this.#oldestMatch(this.#context.sql);
      if (found !== undefined || this.#hasEndedClaims) return found?.id;
    }
  }

  #oldestMatch(sql: Sql): Found | undefined {
    const inTag = inSmallTag(sql, this.#selection);
    if (inTag !== 'unknown') return inTag === 'none' ? undefined : inTag;
    this.#folders ??= foldersOf(sql, this.#selection);
    const found = this.#folders === 'too many' ? 'unknown' : inFolders(sql, this.#selection, this.#folders);
    if (found === 'unknown') return this.#oldestInKeyOrder(sql);
    return found === 'none' ? undefined : found;
  }

  #oldestInKeyOrder(sql: Sql): Found | undefined {
    while (this.#inKeyOrder[0] !== undefined && !isFree(sql, this.#inKeyOrder[0])) this.#inKeyOrder.shift();
    if (this.#inKeyOrder.length === 0) this.#inKeyOrder = inKeyOrder(sql, this.#selection);
    return this.#inKeyOrder[0];
  }
}

/** SQL: whether an unexpired cell has the prefix and the tags of a selection. */
export function filterOf({ runId, prefix, tags, now }: Selection): Condition {
  const range = keyCondition(runId, prefix);
  const all = tagsCondition(runId, tags);
  return {
    where: `${NOT_EXPIRED} AND ${range.where} AND ${all.where}`,
    bindings: [now, ...range.bindings, ...all.bindings],
  };
}

/** The folders that can have matching free cells. */
function foldersOf(sql: Sql, selection: Selection): readonly string[] | 'too many' {
  const prefix = selection.prefix.normalize('NFC');
  const own = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  const below = foldersBelow(sql, selection.runId, prefix);
  if (below.length > MAX_FOLDERS) return 'too many';
  return withTags(sql, selection, own === prefix ? below : [own, ...below]);
}

function inFolders(sql: Sql, selection: Selection, folders: readonly string[]): Search {
  const limit = Math.ceil(MAX_EXAMINED / Math.max(1, folders.length));
  let oldest: Search = 'none';
  for (const folder of folders) {
    const found = inFolder(sql, folder, limit, selection, typeof oldest === 'object' ? oldest.rev : FOREVER);
    if (typeof found === 'object' || oldest === 'none') oldest = found;
  }
  if (oldest === 'unknown') return oldest;
  return inLatest(sql, selection, oldest === 'none' ? FOREVER : oldest.rev) ?? oldest;
}

/** The oldest match of the few cells that were written after the index of free cells, if it is older than the revision `before`. */
function inLatest(sql: Sql, selection: Selection, before: number): Found | undefined {
  const filter = filterOf(selection);
  const [found] = sql.exec<Found>(
    `SELECT id, rev FROM
       (SELECT cell.id, event.rev, cell.run_id, cell.key, cell.expires_at
        FROM board_events AS event CROSS JOIN board_cells AS cell
        WHERE event.rev > (SELECT rev FROM board_indexed) AND event.rev < ? AND event.run_id = ?
          AND cell.run_id = event.run_id AND cell.key = event.key AND cell.newer = event.rev AND ${IS_FREE}) AS cell
     WHERE ${filter.where} ORDER BY rev LIMIT 1`,
    before,
    selection.runId,
    ...filter.bindings,
  );
  return found;
}

/** The folders in which, or below which, there is a cell with each of the tags. */
function withTags(sql: Sql, { runId, tags }: Selection, folders: readonly string[]): readonly string[] {
  return tags.reduce((left, tag) => {
    const ranges = left.map((folder) => ({ folder, ...prefixRange(folder) }));
    return sql
      .exec<{ folder: string }>(
        `SELECT value ->> 'folder' AS folder FROM json_each(?) WHERE EXISTS (
           SELECT 1 FROM board_tags WHERE run_id = ? AND tag = ? AND key >= value ->> 'from'
             AND key < coalesce(value ->> 'to', x'ff'))`,
        JSON.stringify(ranges),
        runId,
        tag,
      )
      .map(({ folder }) => folder);
  }, folders);
}

/**
 * The first that matches of the `limit` oldest free cells of a folder, if it is older than the revision `before`. Those that were
 * written after the index, which are few, are passed over.
 */
function inFolder(sql: Sql, folder: string, limit: number, selection: Selection, before: number): Search {
  const filter = filterOf(selection);
  const oldest = (columns: string) =>
    `SELECT ${columns} FROM board_cells AS free INDEXED BY board_cells_queue
     WHERE ${IS_FREE} AND run_id = ? AND ${FOLDER} = ? AND queued < ? AND newer IS NULL ORDER BY queued LIMIT`;
  const bindings = [selection.runId, folder, before];
  const [found] = sql.exec<Found>(
    `SELECT id, rev FROM (${oldest('id, rev, run_id, key, expires_at')} ?) AS cell WHERE ${filter.where} LIMIT 1`,
    ...bindings,
    limit,
    ...filter.bindings,
  );
  if (found !== undefined) return found;
  // Only what is older than a match matters, and that was examined as far as it may be.
  if (before < FOREVER) return 'none';
  const more = sql.exec(`${oldest('1 AS more')} 1 OFFSET ?`, ...bindings, limit);
  return more.length > 0 ? 'unknown' : 'none';
}

/** The folders with a free cell whose name starts with `prefix`, one more than are searched. */
function foldersBelow(sql: Sql, runId: string, prefix: string): string[] {
  const { from, to } = prefixRange(prefix);
  const next = (comparison: string) =>
    `(SELECT ${FOLDER} FROM board_cells INDEXED BY board_cells_queue
      WHERE ${IS_FREE} AND run_id = ? AND ${FOLDER} ${comparison}${to === undefined ? '' : ` AND ${FOLDER} < ?`}
      ORDER BY ${FOLDER} LIMIT 1)`;
  const end: SqlValue[] = to === undefined ? [] : [to];
  return sql
    .exec<{ folder: string }>(
      `WITH RECURSIVE folders (folder) AS (
         SELECT ${next('>= ?')} UNION ALL SELECT ${next('> folders.folder')} FROM folders WHERE folder IS NOT NULL)
       SELECT folder FROM folders WHERE folder IS NOT NULL LIMIT ?`,
      runId,
      from,
      ...end,
      runId,
      ...end,
      MAX_FOLDERS + 1,
    )
    .map(({ folder }) => folder);
}

const ofTag = (range: Condition) =>
  `SELECT key FROM board_tags WHERE tag = ? AND ${range.where} ORDER BY key LIMIT ?`;

function inSmallTag(sql: Sql, selection: Selection): Search {
  const { runId, prefix, tags } = selection;
  const [tag] = tags;
  if (tag === undefined) return 'unknown';
  const range = keyCondition(runId, prefix);
  const bindings = [tag, ...range.bindings, MAX_OF_SMALL_TAG];
  if (sql.exec(`${ofTag(range)} OFFSET ?`, ...bindings, MAX_OF_SMALL_TAG).length > 0) return 'unknown';
  return oldestOf(sql, ofTag(range), bindings, selection)[0] ?? 'none';
}

const isFree = (sql: Sql, { id }: Found) =>
  sql.exec(`SELECT 1 AS free FROM board_cells AS cell WHERE id = ? AND ${IS_FREE}`, id).length > 0;

/** The oldest of the first 1,000 matching free cells in key order. */
function inKeyOrder(sql: Sql, selection: Selection): Found[] {
  const { runId, prefix, tags } = selection;
  const [tag] = tags;
  const range = keyCondition(runId, prefix);
  if (tag !== undefined) return oldestOf(sql, ofTag(range), [tag, ...range.bindings, -1], selection);
  const keys = `SELECT key FROM board_cells INDEXED BY ${STATE_INDEXES.free.index}
    WHERE ${STATE_INDEXES.free.where} AND ${range.where} ORDER BY key LIMIT ?`;
  return oldestOf(sql, keys, [...range.bindings, -1], selection);
}

/** The ten oldest of the first 1,000 free cells that match, of those with the keys that `keys` selects. */
function oldestOf(
  sql: Sql,
  keys: string,
  bindings: readonly SqlValue[],
  { runId, tags, now }: Selection,
): Found[] {
  const all = tagsCondition(runId, tags);
  const found = sql.exec<Found>(
    `SELECT cell.id, cell.rev
     FROM (${keys}) AS found CROSS JOIN board_cells AS cell ON cell.run_id = ? AND cell.key = found.key
     WHERE ${IS_FREE} AND ${NOT_EXPIRED} AND ${all.where} LIMIT ?`,
    ...bindings,
    runId,
    now,
    ...all.bindings,
    MAX_EXAMINED,
  );
  return found.sort((a, b) => a.rev - b.rev).slice(0, MAX_CLAIMED);
}
