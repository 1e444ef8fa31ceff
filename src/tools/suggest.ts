import { clip } from '../telemetry/redact.ts';
import { ARGUMENT_SYNONYMS, WORD_SYNONYMS } from './synonyms.ts';

/** Suggestions for names that do not exist: of arguments and of tools. None is better than a wrong one. */

const MAX_NAME_CHARS = 64;

/** `runId`, `run-id` and `RUN_ID` as `run_id`. */
const snakeCase = (name: string) =>
  clip(name, MAX_NAME_CHARS)
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .toLowerCase();

/**
 * The argument that a caller means by a name that the tool does not have; undefined if that is not clear.
 * @param known the arguments that it can still give
 */
export function suggestArgument(name: string, known: readonly string[]): string | undefined {
  const wanted = snakeCase(name);
  const same = known.find((one) => snakeCase(one) === wanted);
  if (same !== undefined) return same;
  const synonyms = Object.hasOwn(ARGUMENT_SYNONYMS, wanted) ? ARGUMENT_SYNONYMS[wanted] : undefined;
  return (
    synonyms?.find((one) => known.includes(one)) ??
    known.find((one) => one === `${wanted}_s` || one === `${wanted}s` || `${one}s` === wanted) ??
    nearest(wanted, known)
  );
}

const MAX_SUGGESTED_TOOLS = 3;

/** The tools that a caller can mean by a name that no tool has, the likeliest first; empty if that is not clear. */
export function suggestTools(name: string, known: readonly string[]): string[] {
  const words = snakeCase(name)
    .replace(/^(?:mcp_+)?bulkhead_+/, '')
    .split('_')
    .filter((word) => word !== '');
  const found = known
    .map((tool) => ({ tool, score: agreement(words, tool.split('_')) }))
    .filter(({ score }) => score >= CLEAR)
    .sort((a, b) => b.score - a.score);
  const best = found.filter(({ score }) => score === found[0]?.score).map(({ tool }) => tool);
  if (best.length > 0) return best.slice(0, MAX_SUGGESTED_TOOLS);
  const near = nearest(words.join('_'), known);
  return near === undefined ? [] : [near];
}

/** A verb alone says little, for every family has one for it, and so does a family alone. */
const CLEAR = 1.5;

/** How many words of a tool's name the caller's name has, counting other words for the same a little less. */
function agreement(words: readonly string[], tool: readonly string[]): number {
  const scores = tool.map((part): number => {
    if (words.includes(part)) return 1;
    return words.some((word) => Object.hasOwn(WORD_SYNONYMS, word) && WORD_SYNONYMS[word]?.includes(part))
      ? 0.9
      : 0;
  });
  return scores.reduce((sum, score) => sum + score, 0);
}

/** The candidate that a misspelt name is closest to; undefined if none is close, or two are. */
function nearest(name: string, candidates: readonly string[]): string | undefined {
  const most = name.length <= 4 ? 1 : name.length <= 8 ? 2 : 3;
  // A name of which hardly a letter agrees is another name, however short it is.
  const [first, second] = byDistance(name, candidates).filter(
    ({ candidate, distance }) => distance <= most && distance * 2 <= candidate.length,
  );
  return first !== undefined && first.distance !== second?.distance ? first.candidate : undefined;
}

/** The candidates with how far each is from a name, the closest first. */
export function byDistance(
  name: string,
  candidates: readonly string[],
): readonly { readonly candidate: string; readonly distance: number }[] {
  const wanted = clip(name, MAX_NAME_CHARS).toLowerCase();
  return candidates
    .map((candidate) => ({ candidate, distance: editDistance(wanted, candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
}

/** How many insertions, deletions, replacements and swaps of neighbours make `b` of `a` (optimal string alignment). */
function editDistance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  const at = (i: number, j: number) => rows[i]?.[j] ?? 0;
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row[j] = Math.min(
        replaced,
        at(i - 1, j) + 1,
        at(i, j - 1) + 1,
        swapped ? at(i - 2, j - 2) + 1 : Infinity,
      );
    }
  }
  return at(a.length, b.length);
}
