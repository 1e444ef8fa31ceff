/** The text of a question that similar questions are found by, and how similar two such texts are. */
import { UNSPACED_SCRIPTS } from '../search.ts';
import type { QuestionInput } from './key.ts';
import { member } from './member.ts';

/** How many UTF-16 code units of a question are stored and indexed. */
export const MAX_INDEXED_CHARS = 1024;
const PREVIEW_CHARS = 120;
/** Messages of these roles are left out: an application repeats them in every call, which would make all questions similar. */
const IGNORED_ROLES: readonly unknown[] = ['system', 'developer'];

/** The start of the prompt, or of the messages' texts with the newest message first. */
export function searchableText(input: QuestionInput): string {
  if ('prompt' in input) return cut(input.prompt, MAX_INDEXED_CHARS);
  const parts: string[] = [];
  let chars = 0;
  for (let at = input.messages.length - 1; at >= 0 && chars < MAX_INDEXED_CHARS; at--) {
    const message = input.messages[at];
    if (IGNORED_ROLES.includes(member(message, 'role'))) continue;
    for (const text of textsOf(message)) {
      parts.push(text);
      chars += text.length;
    }
  }
  return cut(parts.join('\n'), MAX_INDEXED_CHARS);
}

/** The texts of a message in the shapes that providers use: a string, or nested members `content`, `parts` and `text`. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap(textsOf);
  return ['content', 'parts', 'text'].flatMap((name) => textsOf(member(value, name) ?? []));
}

/** The start of a text on one line, at most 120 characters. */
export function previewLine(text: string): string {
  return cut(text.replaceAll(/\s+/g, ' ').trim(), PREVIEW_CHARS);
}

function cut(text: string, max: number): string {
  return text.length <= max ? text : text.slice(0, max).toWellFormed();
}

/** The Jaccard index of two texts' terms: shared terms divided by all terms, from 0 to 1, rounded to hundredths. */
export function similarity(a: string, b: string): number {
  const left = termsOf(a);
  const right = termsOf(b);
  const shared = [...left.words, ...left.grams].filter(
    (term) => right.words.has(term) || right.grams.has(term),
  ).length;
  const all = left.words.size + left.grams.size + right.words.size + right.grams.size - shared;
  return all === 0 ? 0 : Math.round((shared / all) * 100) / 100;
}

/** The terms of a text: its words and, for scripts without spaces, its pairs of adjacent characters. */
export interface Terms {
  readonly words: ReadonlySet<string>;
  readonly grams: ReadonlySet<string>;
}

const WORD = /[\p{L}\p{N}\p{M}_]+/gu;
const UNSPACED = new RegExp(`([${UNSPACED_SCRIPTS}ー]+)`, 'u');

/** The distinct terms of a text, in lower case. */
export function termsOf(text: string): Terms {
  const words = new Set<string>();
  const grams = new Set<string>();
  for (const [run] of text.normalize('NFC').toLowerCase().matchAll(WORD)) {
    // `split` with a capturing group returns the matches at odd positions.
    for (const [at, part] of run.split(UNSPACED).entries()) {
      if (at % 2 === 1) for (const pair of pairs(part)) grams.add(pair);
      else if (part !== '') words.add(part);
    }
  }
  return { words, grams };
}

/** Every two adjacent characters; a single character is returned as it is. */
function pairs(run: string): string[] {
  const letters = [...run];
  return letters.length === 1 ? letters : letters.slice(1).map((letter, at) => `${letters[at]}${letter}`);
}
