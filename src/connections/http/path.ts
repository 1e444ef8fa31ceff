/** The path of a request, below the path prefix of its connection. */

const MAX_PATH_CHARS = 4096;
/** A percent-encoding can itself be encoded. A text that is still encoded after so many steps is refused. */
const MAX_DECODINGS = 4;
/** What URL parsers drop, or read as something else, where it is written as it is; and what has no place even when it is encoded. */
const NOT_WRITTEN = /[\p{Cc}\s\\#]/u;
const NOT_ENCODED = /[\p{Cc}\\]/u;
/** Bytes of a character that is encoded in more bytes than it needs, and a form of JavaScript's `escape`: lenient servers decode both. */
const LENIENT = /%c[01]|%e0%[89]|%f0%8|%f[8-d]|%u[0-9a-f]{4}/i;

/**
 * What is wrong with a path; undefined when nothing is. It must name something below a prefix however a server reads it:
 * encoded once or several times, in Unicode forms that a server may fold, and with parameters after a semicolon.
 * @param path relative: without a slash before it, and without a query
 */
export function pathProblem(path: string): string | undefined {
  if (path.length > MAX_PATH_CHARS) return 'is too long';
  if (NOT_WRITTEN.test(path)) return 'has a character that a path cannot have';
  let decoded = path;
  for (let steps = 0; steps <= MAX_DECODINGS; steps++) {
    const problem = levelProblem(decoded, path);
    if (problem !== undefined) return problem;
    const next = decode(decoded, steps === 0);
    if (next === undefined) return 'has an invalid percent-encoding';
    if (next === decoded) return undefined;
    decoded = next;
  }
  return 'is encoded too often';
}

/** @param written the path before it was decoded: a slash that appears by decoding was not written as one */
function levelProblem(text: string, written: string): string | undefined {
  const folded = text.normalize('NFKC');
  if (NOT_ENCODED.test(folded)) return 'has a character that a path cannot have';
  if (LENIENT.test(folded)) return 'has an invalid percent-encoding';
  const segments = folded.split('/');
  if (segments.length !== written.split('/').length) return 'has an encoded slash';
  if (segments.slice(0, -1).includes('')) return 'has an empty segment or begins with a slash';
  return segments.some(isDots) ? 'has a dot segment' : undefined;
}

function isDots(segment: string): boolean {
  const [name = ''] = segment.split(';');
  return /^\.+$/.test(name);
}

/** What is left of an encoding after one step may be no valid one; servers that decode again then decode what is. */
function decode(text: string, isStrict: boolean): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    if (isStrict) return undefined;
    return text.replaceAll(/%[0-7][0-9a-f]/gi, (code) =>
      String.fromCharCode(Number.parseInt(code.slice(1), 16)),
    );
  }
}

/**
 * The URL of a request of a connection.
 * @param prefix the URL of the connection, whose path ends with a slash
 * @param path relative, with a query if it needs one
 * @returns the URL, or what is wrong with the path
 */
export function urlBelow(prefix: string, path: string): URL | { readonly problem: string } {
  const mark = path.indexOf('?');
  const [name, query] = mark === -1 ? [path, ''] : [path.slice(0, mark), path.slice(mark)];
  const problem =
    pathProblem(name) ?? (NOT_WRITTEN.test(query) ? 'has a character that a query cannot have' : undefined);
  if (problem !== undefined) return { problem };
  const base = new URL(prefix);
  // Not resolved against the prefix: `x:y` would be a URL of its own.
  const text = `${base.href}${name}${query}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isBelow = url?.origin === base.origin && url.pathname.startsWith(base.pathname);
  return url !== undefined && isBelow ? url : { problem: 'leaves the connection' };
}
