/**
 * The canonical JSON text (RFC 8785) of a value that came from JSON: names sorted by UTF-16 units, no white space, numbers
 * as ECMAScript prints them. Equal values give equal texts. Members that are undefined are omitted, as in `JSON.stringify`.
 * It recurses, which is safe because arguments nested deeper than `MAX_JSON_DEPTH` are refused before any tool runs.
 * @example canonicalJson({ b: 1, a: [2] }) // '{"a":[2],"b":1}'
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value)
    .filter(([, child]) => child !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, child]) => `${JSON.stringify(name)}:${canonicalJson(child)}`);
  return `{${members.join(',')}}`;
}
