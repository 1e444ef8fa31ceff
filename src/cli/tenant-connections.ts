import type { ConnectionAnswer, ConnectionsClient, RewrapAnswer, TestAnswer } from './connections-client.ts';
import type { ConnectionCommand } from './connections-command.ts';
import { readSecret } from './secret-input.ts';
import type { Output } from './tenant-output.ts';
import { printable, table } from './terminal.ts';

/** The commands about the connections of a tenant. */
export async function performForConnections(
  client: ConnectionsClient,
  command: ConnectionCommand,
): Promise<Output> {
  switch (command.name) {
    case 'connection set': {
      const secret = await readSecret(command.secret);
      return shown(await client.set(command.id, command.connection, { ...command.options, secret }));
    }
    case 'connection link':
      return shown(await client.set(command.id, command.connection, command.options));
    case 'connection rotate':
      return shown(await client.rotate(command.id, command.connection, await readSecret(command.secret)));
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

function shown(connection: ConnectionAnswer): Output {
  const { name, kind, url, header, allow_internal: internal, key_id: key, database, breaker } = connection;
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
    ['internal', internal === true ? 'allowed' : 'no'],
    ['key', key ?? ''],
    ['breaker', breaker],
  ]);
  return { document: connection, text: `${facts}\n\nThe secret is stored encrypted and is never shown.` };
}

function listed(answer: { connections: ConnectionAnswer[] }): Output {
  const rows = answer.connections.map(({ name, kind, url, database, header, key_id, breaker }) => [
    name,
    kind,
    url ?? database ?? '',
    header ?? '',
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
