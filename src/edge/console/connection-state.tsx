import type { listConnections } from '../admin/connections.ts';

/** What the pages on connections say of one. */

export type ListedConnection = Awaited<ReturnType<typeof listConnections>>['connections'][number];

const BREAKERS = {
  closed: { tone: 'ok', words: 'in use' },
  half_open: { tone: 'warn', words: 'being tried again' },
  open: { tone: 'bad', words: 'failing, not asked now' },
} as const;

export function BreakerState({ connection: { breaker } }: { connection: ListedConnection }) {
  const { tone, words } = BREAKERS[breaker];
  return <span class={`status ${tone}`}>{words}</span>;
}

/** Where a connection leads. */
export const placeOf = (connection: ListedConnection): string =>
  connection.kind === 'postgres' ? `the database ${connection.database}` : connection.url;

/** How its secret is sent. */
export function secretOf(connection: ListedConnection): string {
  if (connection.kind === 'postgres') return 'none of this tenant';
  return connection.oauth === undefined
    ? `in the header ${connection.header}`
    : `an access token, by OAuth (${connection.oauth.grant})`;
}

/** What a member rotates of a connection: the field of it, and what it is called. */
export const ROTATED = {
  secret: 'secret',
  client_secret: 'client secret',
  refresh_token: 'refresh token',
} as const;
export type Rotated = keyof typeof ROTATED;

export function rotatedOf(connection: ListedConnection): Rotated {
  if (connection.kind === 'postgres' || connection.oauth === undefined) return 'secret';
  return connection.oauth.grant === 'refresh_token' ? 'refresh_token' : 'client_secret';
}

/** What leads to a shared database, or to an address that is not public, is the operator's to change. */
export const isOperators = (connection: ListedConnection): boolean =>
  connection.kind === 'postgres' || connection.allow_internal;
