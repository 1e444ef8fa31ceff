import * as z from 'zod';

/** Converts a Zod schema to JSON Schema (draft 2020-12) without `$ref`, because some clients do not resolve references. */
export function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Record<string, unknown> {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io,
    reused: 'inline',
    override: ({ jsonSchema }) => removeNoise(jsonSchema, io),
  });
  return rest;
}

/** Removes keywords that cost a model tokens and contain no information for it: in answers also that a count is not negative. */
function removeNoise(schema: z.core.JSONSchema.BaseSchema, io: 'input' | 'output'): void {
  if (io === 'output' && schema.type === 'integer') {
    delete schema.minimum;
    delete schema.maximum;
  }
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  if (schema.format === 'date-time') delete schema.pattern;
  delete schema.insteadOf;
  if (typeof schema.additionalProperties === 'object') delete schema.additionalProperties;
}
