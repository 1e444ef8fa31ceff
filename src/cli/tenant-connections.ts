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
  const facts = table([
    ['connection', connection.name],
    ['kind', connection.kind],
    ['url', connection.url],
    ['header', connection.header],
    ['internal', connection.allow_internal ? 'allowed' : 'no'],
    ['key', connection.key_id],
    ['breaker', connection.breaker],
  ]);
  return { document: connection, text: `${facts}\n\nThe secret is stored encrypted and is never shown.` };
}

function listed(answer: { connections: ConnectionAnswer[] }): Output {
  const rows = answer.connections.map(({ name, kind, url, header, key_id, breaker }) => [
    name,
    kind,
    url,
    header,
    key_id,
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
  return answer.reachable
    ? {
        document: answer,
        text: `The service behind ${name} answers with status ${answer.status} after ${answer.took_ms} ms.`,
      }
    : {
        document: answer,
        text: printable(answer.problem ?? `The service behind ${name} does not answer.`),
        isBad: true,
      };
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
