/**
 * The approximate size of a JSON value as text, in UTF-16 units: the texts and names exactly, anything else as 8.
 * Recursion is bounded, because values nested deeper than `MAX_JSON_DEPTH` are refused before.
 */
export function sizeOfJson(value: unknown): number {
  if (typeof value === 'string') return value.length + 2;
  if (typeof value !== 'object' || value === null) return 8;
  let size = 2;
  if (Array.isArray(value)) for (const item of value) size += sizeOfJson(item) + 1;
  else for (const name of Object.keys(value)) size += name.length + 4 + sizeOfJson(Reflect.get(value, name));
  return size;
}
