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

/** From where a stream of calls resumes. */
export const LAST_EVENT_ID = {
  name: 'Last-Event-ID',
  in: 'header',
  description: 'Of a stream: the id of the last record that the client has. It resumes after that one.',
  schema: { type: 'string', pattern: '^\\d{1,15}$' },
};

const STREAM =
  'With `Accept: text/event-stream`, or `?follow`, each call that matches as soon as it has ended, as server-sent events: `call`, ' +
  'whose `id` is that of the record and whose data is one entry, and `end` with the `reason` when the token or the tenant ends the stream. ' +
  'One that ends otherwise broke: open it again with Last-Event-ID.';

/** @param refusals the responses of a request that is refused */
export const recordPaths = (refusals: object) =>
  Object.fromEntries(
    RECORD_PATHS.map(({ path, question, named }) => {
      const { name, title, description, input, output } = READERS[question];
      const isFollowed = question === 'calls';
      const operation = {
        operationId: name,
        tags: ['records'],
        summary: title,
        description,
        security: [{ token: [RECORDS_SCOPE] }],
        parameters: [
          { $ref: '#/components/parameters/traceparent' },
          ...(isFollowed ? [{ $ref: '#/components/parameters/lastEventId' }] : []),
          ...parametersOf(jsonSchema(input, 'input'), named),
        ],
        responses: {
          200: {
            description: isFollowed ? `The answer. ${STREAM}` : 'The answer.',
            content: {
              'application/json': { schema: jsonSchema(output, 'output') },
              ...(isFollowed ? { 'text/event-stream': { schema: { type: 'string' } } } : {}),
            },
          },
          ...refusals,
        },
      };
      return [`/v1${path.replace(/:(\w+)/, '{$1}')}`, { get: operation }];
    }),
  );
