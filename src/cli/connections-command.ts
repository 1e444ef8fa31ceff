import { CONNECTION_NAME } from '../tenant/contract/connection.ts';
import type { NewHttpConnection, NewPostgresConnection } from './connections-client.ts';
import type { SecretSource } from './secret-input.ts';
import { usageError } from './terminal.ts';

/** The commands about the connections of a tenant to its own systems. */

export type ConnectionCommand =
  | {
      name: 'connection set';
      id: string;
      connection: string;
      options: Omit<NewHttpConnection, 'secret'>;
      secret: SecretSource;
    }
  | { name: 'connection link'; id: string; connection: string; options: NewPostgresConnection }
  | { name: 'connection rotate'; id: string; connection: string; secret: SecretSource }
  | { name: 'connection test' | 'connection remove'; id: string; connection: string }
  | { name: 'connection list' | 'connection rewrap'; id: string };
/** What can be written; `connection set --kind postgres` is a link, because it has no secret. */
export type ConnectionCommandName = Exclude<ConnectionCommand['name'], 'connection link'>;

/** The options of the command line that these commands take. */
export interface ConnectionOptions {
  readonly kind?: string | undefined;
  readonly url?: string | undefined;
  readonly header?: string | undefined;
  readonly database?: string | undefined;
  readonly 'allow-internal'?: boolean | undefined;
  readonly 'secret-file'?: string | undefined;
  readonly 'secret-env'?: string | undefined;
}

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
      return given.kind === 'postgres'
        ? { name: 'connection link', id, connection: nameOf(connection), options: databaseOf(given) }
        : { name, id, connection: nameOf(connection), options: targetOf(given), secret: sourceOf(given) };
    case 'connection rotate':
      return { name, id, connection: nameOf(connection), secret: sourceOf(given) };
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

function targetOf({ kind, url, header, 'allow-internal': internal }: ConnectionOptions) {
  if (kind !== 'http') throw usageError('--kind must be http or postgres.');
  if (url === undefined || header === undefined)
    throw usageError(
      'connection set needs --url and --header, such as --url https://crm.example.com/api/ --header Authorization.',
    );
  return { kind, url, header, allow_internal: internal === true } as const;
}

function databaseOf({ database, ...others }: ConnectionOptions): NewPostgresConnection {
  const { kind: _, ...unused } = others;
  const [unfit] = Object.keys(unused);
  if (unfit !== undefined) throw usageError(`--${unfit} is not for --kind postgres.`);
  if (database === undefined)
    throw usageError('--kind postgres needs --database: the name of a database in the setting DATABASES.');
  return { kind: 'postgres', database };
}

function sourceOf({ 'secret-file': file, 'secret-env': variable }: ConnectionOptions): SecretSource {
  if (file !== undefined && variable !== undefined)
    throw usageError('Give --secret-file or --secret-env, not both.');
  if (file !== undefined) return { from: 'file', path: file };
  return variable === undefined ? { from: 'terminal' } : { from: 'environment', variable };
}
