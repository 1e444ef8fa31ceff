import type * as z from 'zod';
import type { Scope } from '../../tools/families.ts';
import { jsonSchema } from '../../tools/json-schema.ts';

/** How an operation of a tenant's own administration is described in OpenAPI. */

export interface Described {
  readonly id: string;
  readonly summary: string;
  readonly description: string;
  readonly body?: z.ZodType;
  /** undefined for one that is always refused. */
  readonly answer: z.ZodType | undefined;
  /** The status of the answer; 200 if it is left out. */
  readonly status?: 200 | 201;
}

const json = (schema: z.ZodType, io: 'input' | 'output') => ({
  'application/json': { schema: jsonSchema(schema, io) },
});

export const pathParameter = (name: string, description: string, schema: object = { type: 'string' }) => ({
  name,
  in: 'path',
  required: true,
  description,
  schema,
});

/** @param refusals the responses of a request that is refused */
export const operationsOf =
  (tag: string, scope: Scope, refusals: object) =>
  (
    { id, summary, description, body, answer, status = 200 }: Described,
    parameters: readonly object[] = [],
  ) => ({
    operationId: id,
    tags: [tag],
    summary,
    description,
    security: [{ token: [scope] }],
    parameters: [{ $ref: '#/components/parameters/traceparent' }, ...parameters],
    ...(body === undefined ? {} : { requestBody: { required: true, content: json(body, 'input') } }),
    responses: {
      ...(answer && { [status]: { description: 'The answer.', content: json(answer, 'output') } }),
      ...refusals,
    },
  });
