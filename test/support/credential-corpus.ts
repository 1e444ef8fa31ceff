import { createHash } from 'node:crypto';
import credentials from '../vectors/credentials.json' with { type: 'json' };
import lookAlikes from '../vectors/look-alikes.json' with { type: 'json' };

/**
 * Texts that hold a fake credential and texts that only look so, made from the recipes in `test/vectors`. The random parts
 * are drawn from a hash of the recipe's name, so every run has the same texts, and the repository holds no text that a
 * scanner of credentials would stop.
 *
 * A recipe is a text with places such as `{hex:40}`; the credential stands between « and ».
 */
export interface CorpusText {
  readonly kind: string;
  readonly text: string;
  /** The credentials in it; none in a text that only looks as if it had one. */
  readonly secrets: readonly string[];
  /** Whether the rules may be tuned by it. The other 40 % of the kinds only measure them. */
  readonly tuning: boolean;
}

const TUNING_SHARE = 0.6;

const ALPHABETS: Readonly<Record<string, string>> = {
  hex: '0123456789abcdef',
  HEX: '0123456789ABCDEF',
  digits: '0123456789',
  lower: 'abcdefghijklmnopqrstuvwxyz0123456789',
  upper: 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789',
  alnum: 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789',
  b64: 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/',
  b64url: 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-',
};
const PASSWORDS = [
  'Tr0ub4dor&3',
  'swordfish',
  'hunter2',
  'P@ssw0rd!',
  'correct-horse',
  'k9#mQz!x',
  '8f3kd92mwq',
];
const LINE_CHARS = 64;

/** Numbers below `bound` that depend on `seed` alone. */
function* randomOf(seed: string): Generator<number, never> {
  for (let block = 0; ; block++) {
    const digest = createHash('sha256').update(`${seed}:${block}`).digest();
    for (let at = 0; at < digest.length; at += 2) yield digest.readUInt16BE(at);
  }
}

/** Fills in the places of a recipe. */
function fill(recipe: string, seed: string): string {
  const random = randomOf(seed);
  const below = (bound: number) => random.next().value % bound;
  const characters = (alphabet: string, length: number) =>
    Array.from({ length }, () => alphabet.charAt(below(alphabet.length))).join('');
  return recipe.replace(/\{(\w+)(?::(\d+))?\}/g, (place, name: string, size = '0') => {
    const alphabet = ALPHABETS[name];
    // The first is a letter and the last a digit, as in most random text of both.
    if (alphabet !== undefined)
      return characters(alphabet, Number(size) - 1) + (/^digits$/.test(name) ? '4' : '7');
    if (name === 'uuid') return [8, 4, 4, 4, 12].map((n) => characters(ALPHABETS.hex ?? '', n)).join('-');
    if (name === 'pass') return PASSWORDS[below(PASSWORDS.length)] ?? '';
    if (name === 'lines') {
      const lines = Array.from({ length: Number(size) }, () => characters(ALPHABETS.b64 ?? '', LINE_CHARS));
      return lines.join('\n');
    }
    // `{"alg":"…`, in base64url, put together here for the sake of scanners.
    if (name === 'header') return ['ey', 'JhbGciOiJ', characters(ALPHABETS.b64url ?? '', 20)].join('');
    return place;
  });
}

const isTuning = (kind: string) =>
  createHash('sha256').update(kind).digest().readUInt16BE(0) < TUNING_SHARE * 0x1_0000;

function build(kind: string, recipe: string, wrapper: string): CorpusText {
  const filled = fill(
    wrapper.replace('%', () => recipe),
    kind,
  );
  const secrets = [...filled.matchAll(/«([^»]*)»/g)].map(([, secret = '']) => secret);
  return { kind, text: filled.replace(/[«»]/g, ''), secrets, tuning: isTuning(kind) };
}

const combine = (recipes: Readonly<Record<string, string>>, wrappers: readonly string[], each: number) =>
  Object.entries(recipes).flatMap(([kind, recipe], index) =>
    Array.from({ length: each }, (_, turn) =>
      build(kind, recipe, wrappers[(index + turn * 2) % wrappers.length] ?? '%'),
    ),
  );

export const CREDENTIALS: readonly CorpusText[] = [
  ...combine(credentials.tokens, credentials.around_tokens, 2),
  ...combine(credentials.places, credentials.around_places, 2),
];
export const LOOK_ALIKES: readonly CorpusText[] = combine(lookAlikes.texts, lookAlikes.around, 2);
