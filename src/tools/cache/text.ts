import type { QuestionInput } from './key.ts';

/** How much of a question is kept and indexed to find similar ones, in UTF-16 units. */
export const MAX_INDEXED_CHARS = 1024;
const PREVIEW_CHARS = 120;
/** They open every conversation of an application, so they would make all of its questions alike. */
const INSTRUCTING_ROLES: readonly unknown[] = ['system', 'developer'];

/** The words that a question is found by: the prompt, or the texts of the messages, the newest message first. */
export function searchableText(input: QuestionInput): string {
  if ('prompt' in input) return cut(input.prompt, MAX_INDEXED_CHARS);
  const parts: string[] = [];
  let chars = 0;
  for (let at = input.messages.length - 1; at >= 0 && chars < MAX_INDEXED_CHARS; at--) {
    const message = input.messages[at];
    if (INSTRUCTING_ROLES.includes(member(message, 'role'))) continue;
    for (const text of textsOf(message)) {
      parts.push(text);
      chars += text.length;
    }
  }
  return cut(parts.join('\n'), MAX_INDEXED_CHARS);
}

/** The texts of a message in the shapes that providers use: a string, `content`, `parts` and `text`, nested. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap(textsOf);
  return ['content', 'parts', 'text'].flatMap((name) => textsOf(member(value, name) ?? []));
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined;
}

/** The beginning of a text on one line, at most 120 characters. */
export function previewOf(text: string): string {
  return cut(text.replaceAll(/\s+/g, ' ').trim(), PREVIEW_CHARS);
}

function cut(text: string, max: number): string {
  return text.length <= max ? text : text.slice(0, max).toWellFormed();
}

/** How many of the terms of both texts are in both (Jaccard), from 0 to 1 in hundredths. */
export function likeness(a: string, b: string): number {
  const left = termsOf(a);
  const right = termsOf(b);
  const shared = [...left.words, ...left.grams].filter(
    (term) => right.words.has(term) || right.grams.has(term),
  ).length;
  const all = left.words.size + left.grams.size + right.words.size + right.grams.size - shared;
  return all === 0 ? 0 : Math.round((shared / all) * 100) / 100;
}

/** What a text is found by and compared with: its words and, in scripts without spaces, its pairs of letters. */
export interface Terms {
  readonly words: ReadonlySet<string>;
  readonly grams: ReadonlySet<string>;
}

const WORD = /[\p{L}\p{N}\p{M}_]+/gu;
const UNSPACED =
  /([\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}ー\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]+)/u;

/** The distinct terms of a text, in lower case. */
export function termsOf(text: string): Terms {
  const words = new Set<string>();
  const grams = new Set<string>();
  for (const [run] of text.normalize('NFC').toLowerCase().matchAll(WORD)) {
    // Split at a group: the odd parts are those that matched.
    for (const [at, part] of run.split(UNSPACED).entries()) {
      if (at % 2 === 1) for (const pair of pairs(part)) grams.add(pair);
      else if (part !== '') words.add(part);
    }
  }
  return { words, grams };
}

/** Each letter with the next; a letter that is alone is its own. */
function pairs(run: string): string[] {
  const letters = [...run];
  return letters.length === 1 ? letters : letters.slice(1).map((letter, at) => `${letters[at]}${letter}`);
}
