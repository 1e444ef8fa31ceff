/** The reference tokens of a JSON Pointer (RFC 6901), unescaped; undefined when the text is no pointer. */
export function parsePointer(text: string): string[] | undefined {
  if (text === '') return [];
  if (!text.startsWith('/') || /~(?![01])/.test(text)) return undefined;
  return text
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

const ARRAY_INDEX = /^(?:0|[1-9]\d*)$/;

/** What a pointer's tokens lead to in a JSON value; undefined when they lead to nothing, which JSON cannot hold. */
export function resolvePointer(root: unknown, tokens: readonly string[]): unknown {
  let at = root;
  for (const token of tokens) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, token)) return undefined;
    if (Array.isArray(at) && !ARRAY_INDEX.test(token)) return undefined;
    at = Reflect.get(at, token);
  }
  return at;
}
