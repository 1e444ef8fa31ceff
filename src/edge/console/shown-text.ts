/**
 * Every character that a browser does not show, or that changes how others are shown: control characters, overrides of
 * direction, joiners, line and paragraph separators, halves of surrogate pairs. Line breaks and tabs stay.
 */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

const codeOf = (char: string) =>
  char === '\n' || char === '\t'
    ? char
    : `⟨U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}⟩`;

/**
 * A page with such characters written as codes. Escaping does not help against them: an override of direction that stands in the
 * name of a client would reorder the row that it stands in.
 * @param html a whole page: none of our own markup has one, and everything in a URL is percent-encoded
 */
export const withCodes = (html: string): string => html.replace(UNSEEN, codeOf);
