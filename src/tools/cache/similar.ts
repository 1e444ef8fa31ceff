import * as z from 'zod';
import { matchWords, newestRowIds } from '../search.ts';
import { ageSeconds } from '../time.ts';
import type { Sql } from '../tool.ts';
import { IS_INVALIDATED } from './invalidation.ts';
import { previewLine, similarity, type Terms, termsOf } from './question-text.ts';

const MAX_CANDIDATES = 3;
/** How many questions, those of the newest entries, are indexed. */
export const MAX_INDEXED_QUESTIONS = 5000;
const DELETED_AT_ONCE = 64;
const MAX_WORDS = 8;
const MAX_GRAMS = 16;
/** How many questions one term contributes: those of the newest entries. */
const MAX_PER_TERM = 200;
/** How many entries are checked for namespace and age until `MAX_COMPARED` are found. */
const MAX_CHECKED = 200;
const MAX_COMPARED = 12;
const MIN_SCORE = 0.2;

export const candidateSchema = z.strictObject({
  key: z.string(),
  preview: z.string().describe('Start of the stored question.'),
  model: z.string(),
  age_s: z.int().min(0),
  score: z.number().describe('Share of words in common, 0 to 1.'),
});
export type Candidate = z.infer<typeof candidateSchema>;

/** Up to three fresh responses of the namespace whose questions share words with `text`, most similar first. */
export function findSimilar(sql: Sql, ns: string, text: string, now: number): Candidate[] {
  const revs = sharingRareTerms(sql, searchTerms(termsOf(text)));
  if (revs.length === 0) return [];
  const rows = sql.exec<{ key: string; model: string; stored_at: number; text: string }>(
    `SELECT e.key, e.model, e.stored_at, f.text FROM (SELECT value AS rev FROM json_each(?)) AS hit
       CROSS JOIN cache_entries e ON e.rev = hit.rev CROSS JOIN cache_text f ON f.rowid = hit.rev
     WHERE e.ns = ? AND e.kind = 'response' AND e.expires_at > ? AND NOT ${IS_INVALIDATED} LIMIT ?`,
    JSON.stringify(revs),
    ns,
    now,
    MAX_COMPARED,
  );
  return rows
    .map((row) => ({
      key: row.key,
      preview: previewLine(row.text),
      model: row.model,
      age_s: ageSeconds(row.stored_at, now),
      score: similarity(text, row.text),
    }))
    .filter((candidate) => candidate.score >= MIN_SCORE)
    .sort((a, b) => b.score - a.score)
    .slice(0, MAX_CANDIDATES);
}

/** The entries whose questions share the rarest terms, best first. Ranking by BM25 would read every question with any of them. */
function sharingRareTerms(sql: Sql, terms: readonly string[]): number[] {
  const scores = new Map<number, number>();
  for (const term of terms) {
    const revs = newestRowIds(sql, 'cache_text', matchWords([term]) ?? '', MAX_PER_TERM);
    const rarity = Math.log(1 + MAX_INDEXED_QUESTIONS / revs.length);
    for (const rev of revs) scores.set(rev, (scores.get(rev) ?? 0) + rarity);
  }
  return [...scores]
    .sort(([a, scoreA], [b, scoreB]) => scoreB - scoreA || b - a)
    .slice(0, MAX_CHECKED)
    .map(([rev]) => rev);
}

/** The longest words and some character pairs. Long words are mostly rare, so the search scores few unrelated questions. */
function searchTerms({ words, grams }: Terms): string[] {
  const longest = [...words].sort((a, b) => b.length - a.length);
  return [...longest.slice(0, MAX_WORDS), ...[...grams].slice(0, MAX_GRAMS)];
}

/** Indexes the question of an entry, and removes those of the oldest entries if there are too many. */
export function indexQuestionText(sql: Sql, rev: number, text: string): void {
  const grams = [...termsOf(text).grams].join(' ');
  sql.exec('INSERT INTO cache_text (rowid, text, grams) VALUES (?, ?, ?)', rev, text, grams);
  const [totals] = sql.exec<{ texts: number }>('UPDATE cache_totals SET texts = texts + 1 RETURNING texts');
  if ((totals?.texts ?? 0) < MAX_INDEXED_QUESTIONS + DELETED_AT_ONCE) return;
  sql.exec(
    'DELETE FROM cache_text WHERE rowid <= (SELECT rowid FROM cache_text ORDER BY rowid DESC LIMIT 1 OFFSET ?)',
    MAX_INDEXED_QUESTIONS,
  );
  // `texts` is not decreased when an entry is deleted with its text, so the exact number is counted here.
  sql.exec('UPDATE cache_totals SET texts = (SELECT count(*) FROM cache_text)');
}

/** The indexed text of an entry's question; empty if unknown. */
export function readQuestionText(sql: Sql, rev: number): string {
  const [row] = sql.exec<{ text: string }>('SELECT text FROM cache_text WHERE rowid = ?', rev);
  return row?.text ?? '';
}
