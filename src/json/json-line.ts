/**
 * JSON as one line for every reader. JSON allows U+2028, U+2029 and U+0085 as they are inside its texts (RFC 8259, section
 * 7), but many line readers, Node's `readline` and Python's `splitlines` among them, end a line there.
 */

const SEPARATORS = /[\u0085\u2028\u2029]/g;
/** These, the other C1 controls and DEL, which a terminal may obey. */
const CONTROLS = /[\u007f-\u009f\u2028\u2029]/g;

const escaped = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** The same JSON with its line separators escaped. */
export const escapeSeparators = (json: string) => json.replace(SEPARATORS, escaped);

/** `value` as JSON on one line. */
export const toJsonLine = (value: object) => escapeSeparators(JSON.stringify(value));

/** `value` as JSON on one line, without any control character. */
export const toLogLine = (value: object) => JSON.stringify(value).replace(CONTROLS, escaped);
