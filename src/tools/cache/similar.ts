import * as z from 'zod';
import { matchWords } from '../search.ts';
import type { Sql } from '../tool.ts';
import { SUPERSEDED } from './invalidation.ts';
import { likeness, previewOf, type Terms, termsOf } from './text.ts';

const MAX_CANDIDATES = 3;
/** Questions of the newest entries that are searched, by so many words: a search scores each that has one of them. */
export const MAX_SEARCHED = 5000;
const DROPPED_AT_ONCE = 64;
const MAX_WORDS = 8;
const MAX_GRAMS = 16;
const MAX_COMPARED = 12;
const MIN_SCORE = 0.2;

export const candidateSchema = z.strictObject({
  key: z.string(),
  preview: z.string().describe('How the stored question begins.'),
  model: z.string(),
  age_s: z.int().min(0),
  score: z.number().describe('Share of words in common, 0 to 1.'),
});
export type Candidate = z.infer<typeof candidateSchema>;

/** Fresh responses of the namespace whose question shares words with `text`, the most alike first. */
export function candidates(sql: Sql, ns: string, text: string, now: number): Candidate[] {
  const match = matchWords(searched(termsOf(text)));
  if (match === undefined) return [];
  const rows = sql.exec<{ key: string; model: string; stored_at: number; text: string }>(
    `SELECT e.key, e.model, e.stored_at, f.text FROM cache_text f JOIN cache_entries e ON e.rev = f.rowid
     WHERE cache_text MATCH ?
       AND e.ns = ? AND e.kind = 'response' AND e.expires_at > ? AND NOT ${SUPERSEDED}
     ORDER BY f.rank LIMIT ?`,
    match,
    ns,
    now,
    MAX_COMPARED,
  );
  return rows
    .map((row) => ({
      key: row.key,
      preview: previewOf(row.text),
      model: row.model,
      age_s: Math.max(0, Math.floor((now - row.stored_at) / 1000)),
      score: likeness(text, row.text),
    }))
    .filter((candidate) => candidate.score >= MIN_SCORE)
    .sort((a, b) => b.score - a.score)
    .slice(0, MAX_CANDIDATES);
}

/** Long words are rare ones, roughly: they find the entries worth comparing without scoring all the others. */
function searched({ words, grams }: Terms): string[] {
  const longest = [...words].sort((a, b) => b.length - a.length);
  return [...longest.slice(0, MAX_WORDS), ...[...grams].slice(0, MAX_GRAMS)];
}

/** Makes the question of an entry findable, and those of the oldest entries no longer. */
export function indexText(sql: Sql, rev: number, text: string): void {
  const grams = [...termsOf(text).grams].join(' ');
  sql.exec('INSERT INTO cache_text (rowid, text, grams) VALUES (?, ?, ?)', rev, text, grams);
  const [totals] = sql.exec<{ texts: number }>('UPDATE cache_totals SET texts = texts + 1 RETURNING texts');
  if ((totals?.texts ?? 0) < MAX_SEARCHED + DROPPED_AT_ONCE) return;
  sql.exec(
    'DELETE FROM cache_text WHERE rowid <= (SELECT rowid FROM cache_text ORDER BY rowid DESC LIMIT 1 OFFSET ?)',
    MAX_SEARCHED,
  );
  // Entries that were removed took their texts with them: only here is it counted how many are left.
  sql.exec('UPDATE cache_totals SET texts = (SELECT count(*) FROM cache_text)');
}

/** The words of the question that an entry answers; empty when they are not known. */
export function readText(sql: Sql, rev: number): string {
  const [row] = sql.exec<{ text: string }>('SELECT text FROM cache_text WHERE rowid = ?', rev);
  return row?.text ?? '';
}
