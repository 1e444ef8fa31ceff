import * as z from 'zod';
import { jsonBytes } from '../json/raw-json.ts';

/** What one answer to a model takes at most, unless its caller asks for more: bytes of its JSON text in UTF-8. */
export const ANSWER_BYTES = 65_536;
/** The same for a program, which uses plain HTTP. */
export const PROGRAM_ANSWER_BYTES = 8 * 1024 * 1024;
/** Of it, what is set aside for the fields beside the entries: a cursor, suggestions, totals. */
const REST_BYTES = 6_144;

/**
 * The room of one answer for its entries.
 *
 * Guarantees: nothing is lost silently. A caller either continues after the last entry that `first` returned, or sees each
 * entry that `wholeOrShort` has shortened. At least one entry is whole, so that every call gets on.
 */
export class AnswerBudget {
  #left: number;

  /** @param bytes for the whole answer: `answerBytes` of the context, or more if the caller asks for it */
  constructor(bytes: number) {
    this.#left = bytes - REST_BYTES;
  }

  /** The entries up to the first that does not fit, and at least one. */
  first<T>(entries: readonly T[]): readonly T[] {
    const end = entries.findIndex((entry, i) => !this.#take(sizeOf(entry), i === 0));
    return end < 0 ? entries : entries.slice(0, end);
  }

  /** Every entry: whole while there is room, else in its short form, for which room is kept. The first is whole. */
  wholeOrShort<T>(entries: readonly { readonly whole: T; readonly short: T }[]): T[] {
    const sized = entries.map(({ whole, short }) => {
      const bytes = sizeOf(short);
      this.#left -= bytes;
      return { whole, short, more: sizeOf(whole) - bytes };
    });
    return sized.map(({ whole, short, more }, i) => (this.#take(more, i === 0) ? whole : short));
  }

  #take(bytes: number, isForced: boolean): boolean {
    if (bytes > this.#left && !isForced) return false;
    this.#left -= bytes;
    return true;
  }
}

/** What is left out of the answer of a remote tool, which its transport has cut. */
export const leftOutSchema = z.strictObject({
  parts: z.array(z.strictObject({ path: z.string(), entries: z.int().optional(), bytes: z.int() })),
  hint: z.string(),
});
export type LeftOut = z.infer<typeof leftOutSchema>;

/** With the comma behind it. */
const sizeOf = (entry: unknown) => jsonBytes(entry) + 1;
