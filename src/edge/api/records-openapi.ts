import { READERS } from '../../tenant/records/reading/readers.ts';
import { RECORDS_SCOPE } from '../../tools/families.ts';
import { jsonSchema } from '../../tools/json-schema.ts';
import { RECORD_PATHS } from './record-paths.ts';

/** The part of the OpenAPI document that is about the records. */

interface Described {
  readonly properties?: Readonly<Record<string, { readonly description?: string }>>;
  readonly required?: readonly string[];
}

/** The arguments as parameters: the one that the path names, and the rest in the query. */
function parametersOf(schema: Described, named: string | undefined) {
  return Object.entries(schema.properties ?? {}).map(([name, { description, ...rest }]) => ({
    name,
    in: name === named ? 'path' : 'query',
    required: name === named,
    ...(description === undefined ? {} : { description }),
    schema: rest,
  }));
}

/** @param refusals the responses of a request that is refused */
export const recordPaths = (refusals: object) =>
  Object.fromEntries(
    RECORD_PATHS.map(({ path, question, named }) => {
      const { name, title, description, input, output } = READERS[question];
      const operation = {
        operationId: name,
        tags: ['records'],
        summary: title,
        description,
        security: [{ token: [RECORDS_SCOPE] }],
        parameters: [
          { $ref: '#/components/parameters/traceparent' },
          ...parametersOf(jsonSchema(input, 'input'), named),
        ],
        responses: {
          200: {
            description: 'The answer.',
            content: { 'application/json': { schema: jsonSchema(output, 'output') } },
          },
          ...refusals,
        },
      };
      return [`/v1${path.replace(/:(\w+)/, '{$1}')}`, { get: operation }];
    }),
  );
