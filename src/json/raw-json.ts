import { utf8Bytes } from './utf8.ts';

/** What stands for each text while the rest is printed. Unguessable, so that no caller's text can be taken for it. */
let mark: string | undefined;
/** The texts met while `printJson` runs, in the order in which they stand. */
let met: string[] | undefined;

/**
 * A JSON text that `printJson` prints as it is, where parsing it and printing the value again would take long.
 * `JSON.stringify` prints its value as well.
 */
export class RawJson {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The size of the text in UTF-8, in bytes. */
  get bytes(): number {
    return utf8Bytes(this.#text);
  }

  toJSON(): unknown {
    if (met === undefined) return JSON.parse(this.#text);
    met.push(this.#text);
    return mark;
  }
}

/** `JSON.stringify`, with each `RawJson` as it is. */
export function printJson(value: unknown): string {
  mark ??= crypto.randomUUID();
  const texts: string[] = [];
  met = texts;
  try {
    const json = JSON.stringify(value);
    if (texts.length === 0) return json;
    return json
      .split(`"${mark}"`)
      .map((part, i) => part + (texts[i] ?? ''))
      .join('');
  } finally {
    met = undefined;
  }
}

/** The size of a value as JSON text in UTF-8, in bytes. */
export const jsonBytes = (value: unknown): number =>
  value instanceof RawJson ? value.bytes : utf8Bytes(printJson(value));
