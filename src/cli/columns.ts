import { printable } from './terminal.ts';

/** Text in columns of a terminal: how wide it is, cut to a width, wrapped. */

/** The columns that the text of a command takes at most. */
export const WIDTH = 100;

/** Characters that take two columns (Unicode Standard Annex 11, wide and fullwidth), and those that take none. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const COMBINING = /^\p{M}$/u;

const widthOfChar = (char: string) => (COMBINING.test(char) ? 0 : WIDE.test(char) ? 2 : 1);

export function widthOf(text: string): number {
  let width = 0;
  for (const char of text) width += widthOfChar(char);
  return width;
}

/** Text from elsewhere in exactly `width` columns: filled up with spaces, or cut with an ellipsis. */
export function fitted(text: string, width: number): string {
  const shown = printable(text);
  const whole = widthOf(shown);
  if (whole <= width) return shown + ' '.repeat(width - whole);
  let cut = '';
  let used = 0;
  for (const char of shown) {
    if (used + widthOfChar(char) > width - 1) break;
    cut += char;
    used += widthOfChar(char);
  }
  return `${cut}…${' '.repeat(width - 1 - used)}`;
}

/** The words of a text from elsewhere in lines of at most `width` columns; a word that is longer is cut. */
export function wrapped(text: string, width: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of printable(text).split(' ')) {
    const shown = widthOf(word) > width ? fitted(word, width) : word;
    if (line !== '' && widthOf(line) + 1 + widthOf(shown) > width) {
      lines.push(line);
      line = shown;
    } else line = line === '' ? shown : `${line} ${shown}`;
  }
  return [...lines, line].join('\n');
}
