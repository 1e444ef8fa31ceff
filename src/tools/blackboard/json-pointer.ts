import { endOfString, endOfValue } from '../../json/text-scan.ts';

/** The unescaped reference tokens of a JSON Pointer (RFC 6901); undefined if the text is not a valid pointer. */
export function parsePointer(text: string): string[] | undefined {
  if (text === '') return [];
  if (!text.startsWith('/') || /~(?![01])/.test(text)) return undefined;
  return text
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

const ARRAY_INDEX = /^(?:0|[1-9]\d*)$/;

/** Where a pointer leads to in a JSON text. */
export interface Reached {
  /** The JSON text of the part or, when a part on the way is missing, of the last one that there is. */
  readonly text: string;
  readonly isFound: boolean;
}

/**
 * Follows a pointer in a JSON text that `JSON.stringify` has made. The text is passed over and not parsed, because parsing
 * objects of many members takes a tenth of a second.
 */
export function followPointer(json: string, tokens: readonly string[]): Reached {
  let at = 0;
  for (const token of tokens) {
    const next = json[at] === '{' ? memberAt(json, at, token) : itemAt(json, at, token);
    if (next === undefined) return { text: json.slice(at, endOfValue(json, at)), isFound: false };
    at = next;
  }
  return { text: json.slice(at, endOfValue(json, at)), isFound: true };
}

/** Where the value of a member begins. @param object the index of an opening brace */
function memberAt(json: string, object: number, token: string): number | undefined {
  const name = JSON.stringify(token);
  for (let from = object + 1; json[from] !== '}'; ) {
    if (json[from] === ',') from++;
    const colon = endOfString(json, from);
    if (colon - from === name.length && json.startsWith(name, from)) return colon + 1;
    from = endOfValue(json, colon + 1);
  }
  return undefined;
}

/** Where an item of a list begins; undefined for a value that is no list. */
function itemAt(json: string, list: number, token: string): number | undefined {
  if (json[list] !== '[' || json[list + 1] === ']' || !ARRAY_INDEX.test(token)) return undefined;
  let from = list + 1;
  for (let left = Number(token); left > 0; left--) {
    from = endOfValue(json, from);
    if (json[from] !== ',') return undefined;
    from++;
  }
  return from;
}
