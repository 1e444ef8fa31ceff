const SERVER_NAME = 'bulkhead';
const CALL = {
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name: 'blackboard_write', arguments: { key: 'hello', value: 'world' } },
};

const NEEDS_NO_QUOTES = /^[A-Za-z0-9_./:=@-]+$/;

/** Quotes a text as one word of a POSIX shell. */
export function shellQuote(text: string): string {
  return NEEDS_NO_QUOTES.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/**
 * Quotes a text without control characters and without %, as one argument of a program that cmd.exe starts.
 * https://learn.microsoft.com/en-us/cpp/c-language/parsing-c-command-line-arguments
 */
export function cmdQuote(text: string): string {
  return NEEDS_NO_QUOTES.test(text)
    ? text
    : `"${text.replaceAll(/(\\*)("|$)/g, (_, slashes, quote) => `${slashes}${slashes}${quote && '\\"'}`)}"`;
}

export interface Connection {
  /** The URL of the MCP endpoint. */
  readonly url: string;
  readonly token: string;
}

const bearer = ({ token }: Connection) => `Bearer ${token}`;
const command = (words: readonly string[], platform: NodeJS.Platform) =>
  words.map(platform === 'win32' ? cmdQuote : shellQuote).join(' ');

/** HTTP headers of a request without a session, for protocol revision 2025-11-25. */
export function callHeaders(connection: Connection): Record<string, string> {
  return {
    Authorization: bearer(connection),
    'Content-Type': 'application/json',
    Accept: 'application/json, text/event-stream',
    'MCP-Protocol-Version': '2025-11-25',
  };
}

export function claudeCodeCommand(
  connection: Connection,
  platform: NodeJS.Platform = process.platform,
): string {
  const header = `Authorization: ${bearer(connection)}`;
  return command(
    ['claude', 'mcp', 'add', '--transport', 'http', SERVER_NAME, connection.url, '--header', header],
    platform,
  );
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

/** A command that makes a first tool call, on one line. */
export function curlCommand(connection: Connection, platform: NodeJS.Platform = process.platform): string {
  const headers = Object.entries(callHeaders(connection)).flatMap(([name, value]) => [
    '-H',
    `${name}: ${value}`,
  ]);
  return command(['curl', '-sS', connection.url, ...headers, '-d', JSON.stringify(CALL)], platform);
}

/** For Claude Code without a token: the person signs in. */
export function signInCommand(url: string, platform: NodeJS.Platform = process.platform): string {
  return command(['claude', 'mcp', 'add', '--transport', 'http', SERVER_NAME, url], platform);
}

interface ReadyFacts {
  readonly tenant: string;
  readonly expiresAt: string;
  /** The sign-in key of the tenant's member; undefined where nobody can sign in. */
  readonly key: string | undefined;
}

/** Everything that `npm start` prints once the server is ready. */
export function readyText(connection: Connection, facts: ReadyFacts): string {
  const json = (value: object) => JSON.stringify(value, null, 2);
  const signIn =
    facts.key === undefined
      ? ''
      : `
Sign in from a client that is given the URL alone, with this key
${facts.key}
${signInCommand(connection.url)}
`;
  return `
Bulkhead is ready.

  MCP URL   ${connection.url}
  Tenant    ${facts.tenant}
  Token     ${connection.token}
            valid until ${facts.expiresAt}, also after a restart
${signIn}
Claude Code
${claudeCodeCommand(connection)}

Cursor: .cursor/mcp.json
${json(cursorConfig(connection))}

VS Code: .vscode/mcp.json
${json(vsCodeConfig(connection))}

A first call
${curlCommand(connection)}

See it work      npm run demo
Manage tenants   npm run -s tenant -- list
`;
}
