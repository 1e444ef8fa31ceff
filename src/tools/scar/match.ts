import { MAX_QUERY_TERMS, matchWords, newestRowIds } from '../search.ts';
import type { Sql, SqlValue } from '../tool.ts';
import { actionKey, commandText } from './command-line.ts';
import { decisiveWordsOf } from './decisive-words.ts';
import { foldTool } from './names.ts';
import { cleaned, normalise, normaliseCleaned } from './normalise.ts';
import { type Attempt, relateAction } from './relate-action.ts';
import { type Failure, type Relation, relate, type SearchStage } from './relate-failure.ts';
import { MAX_SCARS, SCAR_COLUMNS, type Scar } from './store.ts';
import { substrings, tokensOf, wordsOfNormal } from './tokens.ts';

/**
 * Finds scars that are similar to a failure or concern an action.
 *
 * Guarantees: muted and archived scars are never found; at most 20 candidates are compared in each stage, so the
 * work is bounded with 10,000 scars too; the same scars and words give the same order.
 * It prefers no match to a wrong one: candidates come from SQL, and `relate` or `relateAction` decides about each. It can
 * still fail both ways, when two failures share words by chance or describe one cause in different words. `npm run
 * bench:scar` measures precision and recall on labelled pairs; no change may make them worse.
 */

/** Maximum number of scars that one stage compares. */
const MAX_CANDIDATES = 20;
/** How many scars are read for each that is compared: some are muted, archived or of another project. */
const CANDIDATES_PER_MATCH = 3;
/** How many scars one term contributes. */
const MAX_PER_TERM = 250;
/** How many all terms of a search contribute together. */
const MAX_ROWS = { scar_words: 1_600, scar_trigrams: 800 } as const;
/** Terms of one search. Half the usual maximum, because each is searched by itself. */
const MAX_TERMS = MAX_QUERY_TERMS / 2;
const MIN_INDEXED_TERMS = 2;
const TRIGRAM = 3;

export const MATCHED_BY = ['fingerprint', 'tool_target', 'words', 'trigrams'] as const;
export type MatchedBy = (typeof MATCHED_BY)[number];

export interface Match {
  readonly scar: Scar;
  readonly stage: MatchedBy;
}

/** What scars are searched for. */
interface SearchCriteria {
  readonly project: string | null;
  readonly tool: string | null;
  readonly target: string | null;
  readonly tokens: readonly string[];
  /** Of the action, when one is planned. */
  readonly actionKey?: string;
}

const STAGES = ['tool_target', 'words', 'trigrams'] as const;

/**
 * Scars similar to a failure that has no scar of its own, best first.
 * @param stages without `trigrams`, words must be spelt alike
 * @param limit how many are wanted: the others are not compared by their texts, which takes most of the time
 */
export function findSimilar(
  sql: Sql,
  failure: Failure,
  now: number,
  stages: readonly SearchStage[] = STAGES,
  limit?: number,
): Match[] {
  const bare = cleaned(failure.message ?? '');
  const normal = normaliseCleaned(bare);
  const described = {
    ...failure,
    ...wordsOfNormal(normal, normalise(failure.context ?? '')),
    normal,
    decisive: decisiveWordsOf(bare, normal),
  };
  const judge: Judge = (scar, stage) => relate(described, scar, stage, now);
  return searchInStages(sql, described, stages, judge, limit);
}

/** Scars that concern a planned action, best first. */
export function findWarnings(sql: Sql, attempt: Attempt, now: number): Match[] {
  const described = {
    ...attempt,
    tokens: tokensOf(commandText(attempt.action)),
    actionKey: actionKey(attempt.action),
  };
  const judge: Judge = (scar, stage) => relateAction(described, scar, stage, now);
  return searchInStages(sql, described, STAGES, judge);
}

type Judge = (scar: Scar, stage: SearchStage) => Relation;

/**
 * Searches by the same tool and target, then by the same action or shared words, then by shared trigrams, and returns the
 * best matches of the first stage that accepts any.
 */
function searchInStages(
  sql: Sql,
  criteria: SearchCriteria,
  stages: readonly SearchStage[],
  judge: Judge,
  limit = Number.POSITIVE_INFINITY,
): Match[] {
  for (const stage of stages) {
    const bestFirst = distinct(candidates(sql, criteria, stage))
      .map((scar) => ({ scar, ...judge(scar, stage) }))
      .sort((a, b) => b.score - a.score || b.scar.id - a.scar.id);
    const matches: Match[] = [];
    for (const { scar, accepts } of bestFirst) {
      if (matches.length < limit && accepts()) matches.push({ scar, stage });
    }
    if (matches.length > 0) return matches;
  }
  return [];
}

const distinct = (scars: readonly Scar[]) => [...new Map(scars.map((scar) => [scar.id, scar])).values()];

const NEWEST = `ORDER BY s.last_seen DESC LIMIT ${MAX_CANDIDATES}`;

function candidates(sql: Sql, criteria: SearchCriteria, stage: SearchStage): Scar[] {
  switch (stage) {
    case 'tool_target':
      return criteria.tool === null || criteria.target === null
        ? []
        : select(sql, criteria, 's.tool_name = ? AND s.target = ?', NEWEST, [
            foldTool(criteria.tool),
            criteria.target,
          ]);
    case 'words':
      return [
        ...ofSameAction(sql, criteria),
        ...search(sql, criteria, 'scar_words', criteria.tokens.slice(0, MAX_TERMS)),
      ];
    case 'trigrams':
      return search(sql, criteria, 'scar_trigrams', trigramsOf(criteria.tokens));
  }
}

/** The scars of the same action, which may have too few words to be searched by. */
const ofSameAction = (sql: Sql, criteria: SearchCriteria) =>
  criteria.actionKey === undefined
    ? []
    : select(sql, criteria, 's.action_key = ?', NEWEST, [criteria.actionKey]);

/** The scars that share the rarest terms, best first. Ranking by BM25 would read every scar with any of the terms. */
function search(
  sql: Sql,
  criteria: SearchCriteria,
  index: 'scar_words' | 'scar_trigrams',
  terms: readonly string[],
): Scar[] {
  if (criteria.tokens.length < MIN_INDEXED_TERMS) return [];
  const scores = new Map<number, number>();
  let rowsLeft: number = MAX_ROWS[index];
  // Long terms are mostly rare, and leave more rows to the others.
  const inOrder = [...terms].sort((a, b) => b.length - a.length);
  for (const [i, term] of inOrder.entries()) {
    const limit = Math.min(MAX_PER_TERM, Math.ceil(rowsLeft / (inOrder.length - i)));
    const ids = newestWith(sql, index, term, limit);
    rowsLeft -= ids.length;
    for (const id of ids) scores.set(id, (scores.get(id) ?? 0) + Math.log(1 + MAX_SCARS / ids.length));
  }
  const best = bestOf(scores, MAX_CANDIDATES * CANDIDATES_PER_MATCH);
  // The array is read in its order, so the others are not.
  const found = select(sql, criteria, 's.id = best.value', `LIMIT ${MAX_CANDIDATES}`, [], {
    from: 'json_each(?) AS best CROSS JOIN',
    bindings: [JSON.stringify(best)],
  });
  const byId = new Map(found.map((scar) => [scar.id, scar]));
  return best.flatMap((id) => byId.get(id) ?? []);
}

/** The ids with the highest scores, of equal ones the newest first. Many have the same score, so only the best groups are sorted. */
function bestOf(scores: ReadonlyMap<number, number>, count: number): number[] {
  const groups = Map.groupBy(scores.keys(), (id) => scores.get(id) ?? 0);
  const best: number[] = [];
  for (const [, ids] of [...groups].sort(([a], [b]) => b - a)) {
    if (best.length >= count) break;
    best.push(...ids.sort((a, b) => b - a));
  }
  return best.slice(0, count);
}

/** The newest scars with a term; a term that more scars have tells little about each. */
const newestWith = (sql: Sql, index: 'scar_words' | 'scar_trigrams', term: string, limit: number): number[] =>
  newestRowIds(sql, index, `tokens : ${matchWords([term])}`, limit);

/** A failure with a project matches scars of that project and scars without one; a failure without a project matches all. */
function select(
  sql: Sql,
  { project }: SearchCriteria,
  where: string,
  order: string,
  bindings: readonly SqlValue[],
  joined: { readonly from: string; readonly bindings: readonly SqlValue[] } = { from: '', bindings: [] },
): Scar[] {
  return sql.exec<Scar>(
    `SELECT ${SCAR_COLUMNS} FROM ${joined.from} scars AS s
     WHERE ${where} AND s.state NOT IN ('muted', 'archived') AND (? IS NULL OR s.project IS NULL OR s.project = ?)
     ${order}`,
    ...joined.bindings,
    ...bindings,
    project,
    project,
  );
}

/** Distinct trigrams: the first of every word, then the second of every word, so that one long word does not use up the limit. */
function trigramsOf(tokens: readonly string[]): string[] {
  const byToken = tokens.slice(0, MAX_TERMS).map((token) => [...substrings(token, TRIGRAM)]);
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
