import { CONNECTION_NAME } from '../../tenant/contract/connection.ts';
import { CONNECTIONS_SCOPE } from '../../tools/families.ts';
import {
  connectionAnswer,
  connectionsAnswer,
  newConnection,
  newSecret,
  rewrapAnswer,
  testAnswer,
} from './connection-schemas.ts';
import { type Described, operationsOf, pathParameter } from './operation.ts';

/** The part of the OpenAPI document that is about the connections of a tenant. */

const LIST: Described = {
  id: 'list_connections',
  summary: 'List connections',
  description: 'Lists the connections of the tenant, without their secrets.',
  answer: connectionsAnswer,
};
const SET: Described = {
  id: 'set_connection',
  summary: 'Set up a connection',
  description:
    'Creates a connection, or replaces it. Another destination needs the secret again. A token of the tenant manages those of kind http to public addresses only.',
  body: newConnection,
  answer: connectionAnswer,
};
const ROTATE: Described = {
  id: 'rotate_connection',
  summary: 'Replace the secret of a connection',
  description: 'Replaces the secret. Of a credential by OAuth, what is left out stays as it is.',
  body: newSecret,
  answer: connectionAnswer,
};
const TEST: Described = {
  id: 'test_connection',
  summary: 'Test a connection',
  description: 'Sends GET to the URL of the connection.',
  answer: testAnswer,
};
const REMOVE: Described = {
  id: 'remove_connection',
  summary: 'Remove a connection',
  description: 'Removes a connection and its secret. The answer is what it was.',
  answer: connectionAnswer,
};
const REWRAP: Described = {
  id: 'rewrap_connections',
  summary: 'Encrypt secrets with the first key',
  description: 'Encrypts the secrets of all connections with the first key of the deployment.',
  answer: rewrapAnswer,
};

const NAME = pathParameter('name', 'The name by which tools know the connection.', {
  type: 'string',
  pattern: CONNECTION_NAME.source,
});

/** @param refusals the responses of a request that is refused */
export function connectionPaths(refusals: object) {
  const operation = operationsOf('connections', CONNECTIONS_SCOPE, refusals);
  return {
    '/v1/connections': { get: operation(LIST) },
    '/v1/connections/rewrap': { post: operation(REWRAP) },
    '/v1/connections/{name}': { put: operation(SET, [NAME]), delete: operation(REMOVE, [NAME]) },
    '/v1/connections/{name}/secret': { post: operation(ROTATE, [NAME]) },
    '/v1/connections/{name}/test': { post: operation(TEST, [NAME]) },
  };
}
