import { CLIENT_AUTHENTICATIONS, OAUTH_GRANTS } from '../tenant/contract/access-token.ts';
import { CONNECTION_NAME } from '../tenant/contract/connection.ts';
import type { NewHttpConnection, NewPostgresConnection, OAuthOptions } from './connections-client.ts';
import type { SecretSource } from './secret-input.ts';
import { usageError } from './terminal.ts';

/** The commands about the connections of a tenant to its own systems. */

export type ConnectionCommand =
  | {
      name: 'connection set';
      id: string;
      connection: string;
      options: Omit<NewHttpConnection, 'secret' | 'oauth'>;
      secret: SecretSource;
    }
  | {
      name: 'connection authorize';
      id: string;
      connection: string;
      options: Omit<NewHttpConnection, 'header' | 'secret' | 'oauth'>;
      oauth: OAuthOptions;
      secrets: CredentialSources;
    }
  | { name: 'connection link'; id: string; connection: string; options: NewPostgresConnection }
  | { name: 'connection rotate'; id: string; connection: string; secrets: CredentialSources }
  | { name: 'connection test' | 'connection remove'; id: string; connection: string }
  | { name: 'connection list' | 'connection rewrap'; id: string };
/** Where the secrets of a credential by OAuth come from; undefined for one that it has not, or that was not named. */
export interface CredentialSources {
  readonly client: SecretSource | undefined;
  readonly refresh: SecretSource | undefined;
}
/** What can be written; `connection set` has three forms. */
export type ConnectionCommandName = Exclude<
  ConnectionCommand['name'],
  'connection link' | 'connection authorize'
>;

/** The options of the command line that these commands take besides `--scope`. */
export const CONNECTION_OPTIONS = {
  kind: { type: 'string' },
  url: { type: 'string' },
  header: { type: 'string' },
  database: { type: 'string' },
  'allow-internal': { type: 'boolean' },
  'secret-file': { type: 'string' },
  'secret-env': { type: 'string' },
  oauth: { type: 'string' },
  'token-url': { type: 'string' },
  'client-id': { type: 'string' },
  'client-auth': { type: 'string' },
  'key-id': { type: 'string' },
  resource: { type: 'string' },
  audience: { type: 'string' },
  'refresh-token-file': { type: 'string' },
  'refresh-token-env': { type: 'string' },
} as const;
export const SECRET_SOURCES = [
  'secret-file',
  'secret-env',
  'refresh-token-file',
  'refresh-token-env',
] as const;
/** Those of `connection set`. */
export const SET_OPTIONS = [
  ...(Object.keys(CONNECTION_OPTIONS) as (keyof typeof CONNECTION_OPTIONS)[]),
  'scope',
] as const;

/** What is given of them. */
export type ConnectionOptions = {
  readonly [Option in keyof typeof CONNECTION_OPTIONS]?: Option extends 'allow-internal' ? boolean : string;
} & { readonly scope?: readonly string[] };

export const isConnectionCommand = (command: { readonly name: string }): command is ConnectionCommand =>
  command.name.startsWith('connection ');

/** @param words the tenant, and the connection if the command names one */
export function connectionCommand(
  name: ConnectionCommandName,
  [id = '', connection = '']: readonly string[],
  given: ConnectionOptions,
): ConnectionCommand {
  switch (name) {
    case 'connection set':
      return setCommand(id, nameOf(connection), given);
    case 'connection rotate': {
      const secrets = { client: sourceOf(given, 'secret'), refresh: sourceOf(given, 'refresh-token') };
      return { name, id, connection: nameOf(connection), secrets };
    }
    case 'connection test':
    case 'connection remove':
      return { name, id, connection: nameOf(connection) };
    default:
      return { name, id };
  }
}

function nameOf(connection: string): string {
  if (CONNECTION_NAME.test(connection)) return connection;
  throw usageError(
    'NAME must have 1 to 32 characters: lower-case letters, digits, - and _, beginning with a letter.',
  );
}

function setCommand(id: string, connection: string, given: ConnectionOptions): ConnectionCommand {
  if (given.kind === 'postgres')
    return { name: 'connection link', id, connection, options: databaseOf(given) };
  if (given.kind !== 'http') throw usageError('--kind must be http or postgres.');
  const { url, header, oauth, 'allow-internal': internal } = given;
  const leads = { kind: 'http', url: url ?? '', allow_internal: internal === true } as const;
  if (oauth === undefined) {
    const [unfit] = OAUTH_OPTIONS.filter((option) => given[option] !== undefined);
    if (unfit !== undefined) throw usageError(`--${unfit} is for --oauth.`);
    if (url === undefined || header === undefined)
      throw usageError(
        'connection set needs --url and --header, such as --url https://crm.example.com/api/ --header Authorization, or --url and --oauth.',
      );
    const secret = sourceOf(given, 'secret') ?? TERMINAL;
    return { name: 'connection set', id, connection, options: { ...leads, header }, secret };
  }
  if (header !== undefined) throw usageError('--header is not for --oauth: the header is Authorization.');
  if (url === undefined) throw usageError('connection set needs --url.');
  const client = oauthOf(given);
  return {
    name: 'connection authorize',
    id,
    connection,
    options: leads,
    oauth: client,
    secrets: secretsOf(given, client),
  };
}

const OAUTH_OPTIONS = [
  'token-url',
  'client-id',
  'client-auth',
  'key-id',
  'scope',
  'resource',
  'audience',
  'refresh-token-file',
  'refresh-token-env',
] as const;

function oauthOf(given: ConnectionOptions): OAuthOptions {
  const { 'token-url': url, 'client-id': id, 'key-id': key_id, scope, resource, audience } = given;
  if (url === undefined || id === undefined) throw usageError('--oauth needs --token-url and --client-id.');
  return {
    grant: oneOf(OAUTH_GRANTS, given.oauth, '--oauth'),
    token_url: url,
    client_id: id,
    client_auth: oneOf(
      CLIENT_AUTHENTICATIONS,
      given['client-auth'] ?? 'client_secret_basic',
      '--client-auth',
    ),
    key_id,
    scope: scope?.join(' '),
    resource,
    audience,
  };
}

function oneOf<Word extends string>(words: readonly Word[], given: string | undefined, option: string): Word {
  const found = words.find((word) => word === given);
  if (found !== undefined) return found;
  throw usageError(`${option} must be one of ${words.join(', ')}.`);
}

/** What is not named comes from the terminal: of two secrets only one can be piped in. */
function secretsOf(given: ConnectionOptions, { grant, client_auth }: OAuthOptions): CredentialSources {
  const [client, refresh] = [sourceOf(given, 'secret'), sourceOf(given, 'refresh-token')];
  if (client_auth === 'none' && client !== undefined) throw usageError('--client-auth none has no secret.');
  if (grant !== 'refresh_token' && refresh !== undefined)
    throw usageError('A refresh token is for --oauth refresh_token.');
  return {
    client: client_auth === 'none' ? undefined : (client ?? TERMINAL),
    refresh: grant === 'refresh_token' ? (refresh ?? TERMINAL) : undefined,
  };
}

function databaseOf({ database, ...others }: ConnectionOptions): NewPostgresConnection {
  const { kind: _, ...unused } = others;
  const [unfit] = Object.keys(unused);
  if (unfit !== undefined) throw usageError(`--${unfit} is not for --kind postgres.`);
  if (database === undefined)
    throw usageError('--kind postgres needs --database: the name of a database in the setting DATABASES.');
  return { kind: 'postgres', database };
}

export const TERMINAL: SecretSource = { from: 'terminal' };

/** @returns undefined when neither option is given */
function sourceOf(given: ConnectionOptions, what: 'secret' | 'refresh-token'): SecretSource | undefined {
  const [path, variable] = [given[`${what}-file`], given[`${what}-env`]];
  if (path !== undefined && variable !== undefined)
    throw usageError(`Give --${what}-file or --${what}-env, not both.`);
  if (path !== undefined) return { from: 'file', path };
  return variable === undefined ? undefined : { from: 'environment', variable };
}
