import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { calledOf, type Endpoint, type Open } from './client.ts';
import { packageBin } from './package-bin.ts';

const BIN = packageBin('mcp-remote', 'mcp-remote');
const MAX_STDERR_CHARS = 64_000;

/** The proxy that gives clients which know stdio only a remote server: here a client of the SDK drives it. */
export class McpRemote {
  readonly #home: string;
  readonly #started: StdioClientTransport[] = [];

  /** @param home where it may write */
  constructor(home: string) {
    this.#home = home;
  }

  /** @param flags how it speaks to the server, and where that is below the origin */
  open(path: string, flags: readonly string[]): Open {
    return async (endpoint) => {
      const transport = this.#spawn(endpoint, path, flags);
      const proxy = watch(transport);
      const client = new Client({ name: 'bulkhead-tests', version: '1.0.0' });
      try {
        await client.connect(transport);
      } catch (cause) {
        await client.close();
        throw new Error(await proxy.lastWords, { cause });
      }
      return {
        list: async () => (await client.listTools()).tools.map(({ name }) => name),
        call: async (name, args) => calledOf(await client.callTool({ name, arguments: { ...args } })),
        close: async () => {
          await client.close();
          if (proxy.runs()) throw new Error('it outlived its client');
        },
      };
    };
  }

  async endAll(): Promise<void> {
    await Promise.all(this.#started.map((transport) => transport.close()));
  }

  #spawn({ origin, token }: Endpoint, path: string, flags: readonly string[]): StdioClientTransport {
    const header = ['--header', `Authorization: Bearer ${token}`];
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [BIN, `${origin}${path}`, '--allow-http', ...header, ...flags],
      // Without a PATH it finds no browser to open.
      env: { HOME: this.#home, MCP_REMOTE_CONFIG_DIR: this.#home, PATH: '' },
      stderr: 'pipe',
    });
    this.#started.push(transport);
    return transport;
  }
}

interface Watched {
  /** What it wrote to stderr, the last part of it at least, once it has ended. */
  readonly lastWords: Promise<string>;
  runs(): boolean;
}

function watch(transport: StdioClientTransport): Watched {
  let said = '';
  let pid: number | null = null;
  transport.stderr?.on('data', (chunk) => {
    said = (said + String(chunk)).slice(-MAX_STDERR_CHARS);
    // The transport forgets it when it closes.
    pid ??= transport.pid;
  });
  return {
    lastWords: new Promise((resolve) => transport.stderr?.once('end', () => resolve(said))),
    runs: () => {
      if (pid === null) throw new Error('it wrote nothing while it ran, so its id is not known');
      try {
        return process.kill(pid, 0);
      } catch {
        return false;
      }
    },
  };
}
