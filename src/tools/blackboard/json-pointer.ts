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

/** The part of a JSON value that the tokens point to; undefined if there is none. JSON has no undefined, so this is unambiguous. */
export function resolvePointer(root: unknown, tokens: readonly string[]): unknown {
  let at = root;
  for (const token of tokens) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, token)) return undefined;
    if (Array.isArray(at) && !ARRAY_INDEX.test(token)) return undefined;
    at = Reflect.get(at, token);
  }
  return at;
}

/** The last part on the way to where the tokens point that there is: where a pointer that finds nothing has stopped. */
export function reachedPart(root: unknown, tokens: readonly string[]): unknown {
  let at = root;
  for (const token of tokens) {
    const next = resolvePointer(at, [token]);
    if (next === undefined) return at;
    at = next;
  }
  return at;
}
