import { MAX_QUERY_TERMS, matchTrigrams, matchWords } from '../search.ts';
import type { Sql, SqlValue } from '../tool.ts';
import { type Attempt, relateAction } from './action.ts';
import { type Failure, type Relation, relate } from './relation.ts';
import { SCAR_COLUMNS, type Scar } from './store.ts';
import { tokensOf, windows, wordsOf } from './tokens.ts';

/** Scars that one rung of the ladder looks at. */
const MAX_CANDIDATES = 20;
/** Terms of one search: half of what a query may have, for each term costs up to a millisecond on a full memory. */
const MAX_TERMS = MAX_QUERY_TERMS / 2;
const MIN_INDEXED_TERMS = 2;
const TRIGRAM = 3;

export type Rung = 'fingerprint' | 'tool_target' | 'words' | 'trigrams';

export interface Match {
  readonly scar: Scar;
  readonly rung: Rung;
}

/** What a search goes by. */
interface Sought {
  readonly project: string | null;
  readonly tool: string | null;
  readonly target: string | null;
  readonly tokens: readonly string[];
}
export type SearchRung = Exclude<Rung, 'fingerprint'>;

/** Scars like a failure that has no scar of its own, the best first, by the matching ladder. */
export function findSimilar(sql: Sql, failure: Failure, now: number): Match[] {
  const described = { ...failure, ...wordsOf(failure.message, failure.context) };
  return climb(sql, described, (scar, rung) => relate(described, scar, rung, now));
}

/** Scars that speak about what is going to be done, by the same ladder. */
export function findWarnings(sql: Sql, attempt: Attempt, now: number): Match[] {
  const described = { ...attempt, tokens: tokensOf(attempt.action) };
  return climb(sql, described, (scar, rung) => relateAction(described, scar, rung, now));
}

/**
 * The matching ladder: the same tool and target, else shared words (BM25), else shared trigrams. The first rung on
 * which a match is accepted answers, the best match first.
 */
function climb(sql: Sql, sought: Sought, judge: (scar: Scar, rung: SearchRung) => Relation): Match[] {
  for (const rung of ['tool_target', 'words', 'trigrams'] as const) {
    const accepted = candidates(sql, sought, rung)
      .map((scar) => ({ scar, relation: judge(scar, rung) }))
      .filter(({ relation }) => relation.accepted)
      .sort((a, b) => b.relation.score - a.relation.score || b.scar.id - a.scar.id);
    if (accepted.length > 0) return accepted.map(({ scar }) => ({ scar, rung }));
  }
  return [];
}

function candidates(sql: Sql, sought: Sought, rung: SearchRung): Scar[] {
  switch (rung) {
    case 'tool_target':
      return sought.tool === null || sought.target === null
        ? []
        : select(sql, sought, 'scars AS s', 's.tool = ? AND s.target = ?', 's.last_seen DESC', [
            sought.tool,
            sought.target,
          ]);
    case 'words':
      return search(sql, sought, 'scar_words', matchWords(sought.tokens.slice(0, MAX_TERMS)));
    case 'trigrams':
      return search(sql, sought, 'scar_trigrams', matchTrigrams(trigramsOf(sought.tokens)));
  }
}

function search(
  sql: Sql,
  sought: Sought,
  index: 'scar_words' | 'scar_trigrams',
  expression: string | undefined,
): Scar[] {
  if (expression === undefined || sought.tokens.length < MIN_INDEXED_TERMS) return [];
  const joined = `${index} JOIN scars AS s ON s.id = ${index}.rowid`;
  return select(sql, sought, joined, `${index} MATCH ?`, `${index}.rank`, [`tokens : (${expression})`]);
}

/** A failure of a project is matched with that project's scars and those of none; one of no project with all. */
function select(
  sql: Sql,
  { project }: Sought,
  from: string,
  where: string,
  order: string,
  bindings: SqlValue[],
): Scar[] {
  return sql.exec<Scar>(
    `SELECT ${SCAR_COLUMNS} FROM ${from}
     WHERE ${where} AND s.state NOT IN ('muted', 'archived') AND (? IS NULL OR s.project IS NULL OR s.project = ?)
     ORDER BY ${order} LIMIT ?`,
    ...bindings,
    project,
    project,
    MAX_CANDIDATES,
  );
}

/** Distinct trigrams, the first of every word before the second of any, so that long words leave room. */
function trigramsOf(tokens: readonly string[]): string[] {
  const byToken = tokens.slice(0, MAX_TERMS).map((token) => [...windows(token, TRIGRAM)]);
  const chosen = new Set<string>();
  const longest = Math.max(0, ...byToken.map((trigrams) => trigrams.length));
  for (let i = 0; i < longest; i++) {
    for (const trigrams of byToken) {
      const trigram = trigrams[i];
      if (trigram !== undefined && chosen.size < MAX_TERMS) chosen.add(trigram);
    }
  }
  return [...chosen];
}
