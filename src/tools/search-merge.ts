/**
 * Merges the segments of the search indexes while nobody writes to them. A search visits every segment, so a tenant that has few of
 * them answers in less time.
 *
 * Guarantees: one step writes about 128 pages of one index (512 KiB), and a later one continues where it stopped, also after writes. A
 * step that has nothing to merge reads a few rows and writes none. Once every level of an index has one segment, there is nothing
 * to do until it is written to again, so a tenant that is left alone stops waking up for it.
 * Limits: a step takes longer than its pages say where one word is in very many cells, because FTS5 writes the list of a word at once.
 * So levels of more than 8 MiB are left to FTS5, which merges them within writes.
 */
import type { Sql } from './tool.ts';

const EVENTS = 'SELECT at FROM board_events ORDER BY rev DESC LIMIT 1';
const SCARS = 'SELECT last_seen AS at FROM scars ORDER BY last_seen DESC LIMIT 1';

/** The search indexes, each with the query of when it was last written to, in milliseconds since the epoch. */
const LAST_WRITES = {
  board_words: EVENTS,
  board_grams: EVENTS,
  scar_words: SCARS,
  scar_trigrams: SCARS,
  cache_text: 'SELECT stored_at AS at FROM cache_entries ORDER BY rev DESC LIMIT 1',
} as const;
export type SearchIndex = keyof typeof LAST_WRITES;
export const SEARCH_INDEXES = Object.keys(LAST_WRITES) as SearchIndex[];

/** An index that was written to more recently will soon have more segments to merge. */
const IDLE_MS = 60_000;
/** Pages that one step writes, besides the rest of a list. */
const STEP_PAGES = 128;
/** Pages of 4 KiB that a level may have to be merged here. */
const MAX_LEVEL_PAGES = 2_048;
/** Segments of one level that are merged into one of the next level, as the migrations have set it (`usermerge`). */
const MIN_SEGMENTS = 2;

/** Whether an index that has been left alone for a minute has segments to merge. */
export function canMergeIndexes(sql: Sql, now: number): boolean {
  return idleIndexes(sql, now).some((index) => isMergeable(readStructure(sql, index)));
}

/** Merges a part of one index that has been left alone for a minute. @returns whether it did, so that there can be more */
export function mergeIdleIndex(sql: Sql, now: number): boolean {
  return idleIndexes(sql, now).some((index) => mergeStep(sql, index));
}

function idleIndexes(sql: Sql, now: number): SearchIndex[] {
  return SEARCH_INDEXES.filter((index) => {
    const [last] = sql.exec<{ at: number }>(LAST_WRITES[index]);
    return last === undefined || Math.abs(now - last.at) >= IDLE_MS;
  });
}

function mergeStep(sql: Sql, index: SearchIndex): boolean {
  const before = readStructure(sql, index);
  if (!isMergeable(before)) return false;
  sql.exec(`INSERT INTO ${index} (${index}, rank) VALUES ('merge', ?)`, STEP_PAGES);
  return readStructure(sql, index) !== before;
}

function isMergeable(structure: string): boolean {
  const level = nextLevel(parseLevels(structure));
  return level !== undefined && level.pages <= MAX_LEVEL_PAGES;
}

/** Merges segments whatever their size, which removes deleted entries. Each index writes at most about `pages` pages. */
export function mergeIndexes(sql: Sql, pages: number): void {
  for (const index of SEARCH_INDEXES)
    sql.exec(`INSERT INTO ${index} (${index}, rank) VALUES ('merge', ?)`, -pages);
}

/** Segments of about the same size. */
export interface Level {
  readonly segments: number;
  /** How many of them a merge that has begun reads; 0 without one. */
  readonly merging: number;
  readonly pages: number;
}

/** The level that FTS5 merges next, as `fts5IndexMerge` of its source chooses it; undefined if none has enough segments. */
function nextLevel(levels: readonly Level[]): Level | undefined {
  let next: Level | undefined;
  for (const level of levels) {
    const most = next?.segments ?? 0;
    if (level.merging > most) return level;
    if (level.merging > 0) break;
    if (level.segments > most) next = level;
  }
  return next !== undefined && next.segments >= MIN_SEGMENTS ? next : undefined;
}

/** Where FTS5 keeps the list of an index's segments, as hexadecimal digits. */
const STRUCTURE_ID = 10;
const COOKIE_BYTES = 4;
/** Marks a list whose segments also say how many entries they have, as those of a `contentless_delete` index. */
const VERSION_2 = [0xff, 0, 0, 1];
const FIELDS = { 1: 3, 2: 8 } as const;

export const readStructure = (sql: Sql, index: SearchIndex): string =>
  sql.exec<{ list: string }>(`SELECT hex(block) AS list FROM ${index}_data WHERE id = ?`, STRUCTURE_ID)[0]
    ?.list ?? '';

/**
 * Reads the list of segments, see "structure record" in the source of FTS5 (ext/fts5/fts5_index.c): after the cookie, numbers of 7
 * bits a byte. @returns the level of the smallest segments first; none if the list is not as expected, so that nothing is merged
 */
export function parseLevels(list: string): Level[] {
  const bytes = (list.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16)).slice(COOKIE_BYTES);
  const isVersion2 = VERSION_2.every((byte, i) => bytes[i] === byte);
  const numbers = readNumbers(isVersion2 ? bytes.slice(VERSION_2.length) : bytes);
  let at = 0;
  const next = () => numbers[at++] ?? Number.NaN;
  // No number of anything can be larger than the list is long.
  const nextCount = () => Math.min(next() || 0, numbers.length);
  const [count, segments] = [nextCount(), nextCount(), next()];
  const levels = Array.from({ length: count }, () => {
    const [merging, size] = [nextCount(), nextCount()];
    let pages = 0;
    for (let i = 0; i < size; i++) {
      const [, first = 0, last = 0] = Array.from({ length: FIELDS[isVersion2 ? 2 : 1] }, next);
      pages += last - first + 1;
    }
    return { merging, segments: size, pages };
  });
  const isComplete =
    at === numbers.length && levels.reduce((sum, level) => sum + level.segments, 0) === segments;
  return isComplete ? levels : [];
}

function readNumbers(bytes: readonly number[]): number[] {
  const numbers: number[] = [];
  let value = 0;
  for (const byte of bytes) {
    value = value * 128 + (byte & 127);
    if (byte >= 128) continue;
    numbers.push(value);
    value = 0;
  }
  return numbers;
}
