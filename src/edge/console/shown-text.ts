import { UNSEEN } from '../../telemetry/unseen.ts';

/** Where such characters can be, but for line breaks and tabs: looking for these is much faster than for classes of Unicode. */
const UNUSUAL = /[^\t\n\x20-\x7e]+/g;

const codeOf = (char: string) =>
  `⟨U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}⟩`;

/**
 * A page with characters that cannot be seen written as codes. Escaping does not help against them: an override of direction
 * that stands in the name of a client would reorder the row that it stands in.
 * @param html a whole page: none of our own markup has one, and everything in a URL is percent-encoded
 */
export const withCodes = (html: string): string =>
  html.replace(UNUSUAL, (text) => text.replace(UNSEEN, codeOf));
