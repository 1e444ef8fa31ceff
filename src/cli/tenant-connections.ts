import type {
  ConnectionAnswer,
  ConnectionsClient,
  CredentialSecrets,
  RewrapAnswer,
  TestAnswer,
} from './connections-client.ts';
import { type ConnectionCommand, type CredentialSources, TERMINAL } from './connections-command.ts';
import { CLIENT_SECRET, HEADER_SECRET, REFRESH_TOKEN, readSecret } from './secret-input.ts';
import type { Output } from './tenant-output.ts';
import { printable, table, usageError } from './terminal.ts';

/** The commands about the connections of a tenant. */
export async function performForConnections(
  client: ConnectionsClient,
  command: ConnectionCommand,
): Promise<Output> {
  switch (command.name) {
    case 'connection set': {
      const secret = await readSecret(command.secret, HEADER_SECRET);
      return shown(await client.set(command.id, command.connection, { ...command.options, secret }));
    }
    case 'connection authorize': {
      const { id, connection, options, oauth, secrets } = command;
      const given = await credentialOf(secrets);
      return shown(await client.set(id, connection, { ...options, oauth: { ...oauth, ...given } }));
    }
    case 'connection link':
      return shown(await client.set(command.id, command.connection, command.options));
    case 'connection rotate':
      return shown(await rotated(client, command));
    case 'connection list':
      return listed(await client.list(command.id));
    case 'connection test':
      return tested(await client.test(command.id, command.connection));
    case 'connection remove': {
      const removed = await client.remove(command.id, command.connection);
      return { document: removed, text: `Connection ${printable(removed.name)} and its secret are removed.` };
    }
    case 'connection rewrap':
      return rewrapped(await client.rewrap(command.id));
  }
}

/** Asks for the secrets that a credential by OAuth has. @throws CliError */
async function credentialOf({ client, refresh }: CredentialSources): Promise<CredentialSecrets> {
  if (client?.from === 'terminal' && refresh?.from === 'terminal' && !process.stdin.isTTY)
    throw usageError(
      'Two secrets are needed, and only one can be read from the standard input. Name one with --secret-file, --secret-env, --refresh-token-file or --refresh-token-env.',
    );
  return {
    client_secret: client && (await readSecret(client, CLIENT_SECRET)),
    refresh_token: refresh && (await readSecret(refresh, REFRESH_TOKEN)),
  };
}

/** Without an option the secret is asked for that the connection has; of two, the refresh token. */
async function rotated(
  client: ConnectionsClient,
  { id, connection, secrets }: Extract<ConnectionCommand, { name: 'connection rotate' }>,
): Promise<ConnectionAnswer> {
  const { connections } = await client.list(id);
  const oauth = connections.find(({ name }) => name === connection)?.oauth;
  if (oauth === undefined) {
    if (secrets.refresh !== undefined) throw usageError(`${printable(connection)} has no refresh token.`);
    const secret = await readSecret(secrets.client ?? TERMINAL, HEADER_SECRET);
    return client.rotate(id, connection, { secret });
  }
  const isNamed = secrets.client !== undefined || secrets.refresh !== undefined;
  const hasRefresh = oauth.grant === 'refresh_token';
  const asked = hasRefresh
    ? { client: undefined, refresh: TERMINAL }
    : { client: TERMINAL, refresh: undefined };
  return client.rotate(id, connection, await credentialOf(isNamed ? secrets : asked));
}

function shown(connection: ConnectionAnswer): Output {
  const { name, kind, url, header, oauth, allow_internal: internal, database, breaker } = connection;
  if (database !== undefined) {
    const facts = table([
      ['connection', name],
      ['kind', kind],
      ['database', database],
      ['breaker', breaker],
    ]);
    return { document: connection, text: `${facts}\n\nTools see the rows of this tenant only.` };
  }
  const facts = table([
    ['connection', name],
    ['kind', kind],
    ['url', url ?? ''],
    ['header', header ?? ''],
    ...(oauth === undefined ? [] : oauthFacts(oauth)),
    ['internal', internal === true ? 'allowed' : 'no'],
    ['key', connection.key_id ?? ''],
    ['breaker', breaker],
  ]);
  return { document: connection, text: `${facts}\n\nThe secret is stored encrypted and is never shown.` };
}

function oauthFacts(oauth: NonNullable<ConnectionAnswer['oauth']>): string[][] {
  const { grant, client_auth: auth, key_id, scope, resource, audience } = oauth;
  const optional = Object.entries({ 'key id': key_id, scope, resource, audience });
  return [
    ['token from', oauth.token_url],
    ['grant', grant],
    ['client', `${oauth.client_id} (${auth})`],
    ...optional.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  ];
}

function listed(answer: { connections: ConnectionAnswer[] }): Output {
  const rows = answer.connections.map(({ name, kind, url, database, header, oauth, key_id, breaker }) => [
    name,
    kind,
    url ?? database ?? '',
    oauth === undefined ? (header ?? '') : `${header} (${oauth.grant})`,
    key_id ?? '',
    breaker,
  ]);
  return {
    document: answer,
    text:
      rows.length === 0
        ? 'There are no connections. Set one up with `connection set ID NAME`.'
        : table([['NAME', 'KIND', 'URL', 'HEADER', 'KEY', 'BREAKER'], ...rows]),
  };
}

function tested(answer: TestAnswer): Output {
  const name = printable(answer.name);
  if (!answer.reachable) {
    const text = printable(answer.problem ?? `The service behind ${name} does not answer.`);
    return { document: answer, text, isBad: true };
  }
  const { problems } = answer;
  if (problems === undefined) {
    const text = `The service behind ${name} answers with status ${answer.status} after ${answer.took_ms} ms.`;
    return { document: answer, text };
  }
  if (problems.length === 0) {
    const text = `The database of ${name} answers after ${answer.took_ms} ms and is safe to share.`;
    return { document: answer, text };
  }
  return { document: answer, text: problems.map(printable).join('\n'), isBad: true };
}

function rewrapped(answer: RewrapAnswer): Output {
  const done = `${answer.rewrapped} secrets are encrypted with the first key of CONNECTION_KEYS now.`;
  const left = answer.left.map(printable).join(', ');
  return {
    document: answer,
    text:
      left === ''
        ? done
        : `${done} No key opens those of ${left}: enter them again with \`connection rotate\`.`,
  };
}
