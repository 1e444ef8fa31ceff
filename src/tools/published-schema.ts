/**
 * The published form of an input schema: what a model has to know before its first call.
 *
 * Bounds and defaults are left out. The server enforces each bound and names it in its refusal, while in the schema they cost a model
 * about 1,500 tokens, and clients that build a grammar from all schemas fail on large ones. `required` is always there,
 * also when it is empty, because some converters need it.
 */

const BOUNDS: ReadonlySet<string> = new Set([
  'minLength',
  'maxLength',
  'pattern',
  'format',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'minItems',
  'maxItems',
  'propertyNames',
  'default',
]);

type Schema = Readonly<Record<string, unknown>>;

const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** @param schema a JSON Schema in which no property is named like a keyword of a bound */
export function publishedSchema(schema: Schema): Record<string, unknown> {
  const published = Object.fromEntries(
    Object.entries(schema).flatMap(([keyword, value]) =>
      BOUNDS.has(keyword) ? [] : [[keyword, publishedValue(keyword, value)]],
    ),
  );
  return published.type === 'object' && published.properties !== undefined && published.required === undefined
    ? { ...published, required: [] }
    : published;
}

function publishedValue(keyword: string, value: unknown): unknown {
  if (keyword === 'properties' && isSchema(value))
    return Object.fromEntries(
      Object.entries(value).map(([name, property]) => [
        name,
        isSchema(property) ? publishedSchema(property) : property,
      ]),
    );
  return keyword === 'items' && isSchema(value) ? publishedSchema(value) : value;
}
