import { DEFAULT_URL } from './admin-client.ts';

/** What a person pastes to connect a client. */

const SERVER_NAME = 'bulkhead';
const CALL = {
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name: 'blackboard_write', arguments: { key: 'hello', value: 'world' } },
};

/** Text as one word of a POSIX shell. */
export function shellQuote(text: string): string {
  return /^[A-Za-z0-9_./:=@-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

export interface Connection {
  /** The URL of the MCP endpoint. */
  readonly url: string;
  readonly token: string;
}

const bearer = ({ token }: Connection) => `Bearer ${token}`;
const command = (words: readonly string[]) => words.map(shellQuote).join(' ');

/** Headers of a call without a session, as revision 2025-11-25 has it. */
export function callHeaders(connection: Connection): Record<string, string> {
  return {
    Authorization: bearer(connection),
    'Content-Type': 'application/json',
    Accept: 'application/json, text/event-stream',
    'MCP-Protocol-Version': '2025-11-25',
  };
}

export function claudeCodeCommand(connection: Connection): string {
  const header = `Authorization: ${bearer(connection)}`;
  return command([
    'claude',
    'mcp',
    'add',
    '--transport',
    'http',
    SERVER_NAME,
    connection.url,
    '--header',
    header,
  ]);
}

/** For `.cursor/mcp.json`. */
export function cursorConfig(connection: Connection): object {
  return {
    mcpServers: {
      [SERVER_NAME]: { url: connection.url, headers: { Authorization: bearer(connection) } },
    },
  };
}

/** For `.vscode/mcp.json`. */
export function vsCodeConfig(connection: Connection): object {
  return {
    servers: {
      [SERVER_NAME]: { type: 'http', url: connection.url, headers: { Authorization: bearer(connection) } },
    },
  };
}

/** A first tool call, on one line. */
export function curlCommand(connection: Connection): string {
  const headers = Object.entries(callHeaders(connection)).flatMap(([name, value]) => [
    '-H',
    `${name}: ${value}`,
  ]);
  return command(['curl', '-sS', connection.url, ...headers, '-d', JSON.stringify(CALL)]);
}

/**
 * Everything that `npm start` prints once the server is ready.
 * @param facts.base where the server listens
 */
export function readyText(
  connection: Connection,
  facts: { tenant: string; expiresAt: string; base: string },
): string {
  const json = (value: object) => JSON.stringify(value, null, 2);
  const where = facts.base === DEFAULT_URL ? '' : `BULKHEAD_URL=${facts.base} `;
  return `
Bulkhead is ready.

  MCP URL   ${connection.url}
  Tenant    ${facts.tenant}
  Token     ${connection.token}
            good until ${facts.expiresAt}, and over restarts

Claude Code
${claudeCodeCommand(connection)}

Cursor: .cursor/mcp.json
${json(cursorConfig(connection))}

VS Code: .vscode/mcp.json
${json(vsCodeConfig(connection))}

A first call
${curlCommand(connection)}

See it work      ${where}npm run demo
Manage tenants   ${where}npm run -s tenant -- list
`;
}
