import { areComparedAlike, scoreDocuments, type WeightedText } from '../rank.ts';
import { parseTags } from './cell.ts';

export type Candidate = {
  id: number;
  key: string;
  /** JSON array of strings. */
  tags: string;
  /** The start of the JSON text of the value. */
  value: string;
};

export interface Ranked {
  readonly id: number;
  readonly score: number;
}

const WEIGHTS = { key: 4, tags: 3, value: 1 } as const;
/** Of two values with the same terms the shorter one is better: one this long gets half of the value's weight. */
const HALF_WEIGHT_CHARS = 4_096;

const JSON_ESCAPE = /\\(?:u[0-9a-f]{4}|.)/g;

/** The candidates that have any of the terms, best first. @param terms from `queryTerms` */
export function rankCandidates(candidates: readonly Candidate[], terms: readonly string[]): Ranked[] {
  const scores = scoreDocuments(candidates.map(textsOf), terms);
  const isExact = areComparedAlike(terms);
  return candidates
    .map(({ id, key }, i) => ({ id, key, score: scores[i] ?? 0 }))
    .filter(({ score }) => score > 0 || !isExact)
    .sort((a, b) => b.score - a.score || (a.key < b.key ? -1 : 1));
}

function textsOf({ key, tags, value }: Candidate): WeightedText[] {
  const body = value.includes('\\') ? value.replace(JSON_ESCAPE, ' ') : value;
  return [
    { text: key, weight: WEIGHTS.key },
    { text: tags === '[]' ? '' : parseTags(tags).join(' '), weight: WEIGHTS.tags },
    { text: body, weight: WEIGHTS.value / (1 + body.length / HALF_WEIGHT_CHARS) },
  ];
}
