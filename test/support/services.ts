import type { ConnectionAccess } from '../../src/connections/call-connections.ts';
import { NO_ACCESS_TOKENS } from '../../src/connections/oauth/access-token.ts';
import { type ConnectionKey, sealSecret } from '../../src/connections/seal.ts';
import { type OpenSql, sqlOf } from '../../src/postgres/session.ts';
import type { SqlRow } from '../../src/tools/sql.ts';
import type { TestHost } from './tenant.ts';

/** What takes the place of a service in a test. */
export type TestService = (request: Request) => Response | Promise<Response>;

const KEY: ConnectionKey = { kid: 'test', secret: new Uint8Array(32).fill(7) };

type ServedHost = Pick<TestHost, 'tenant' | 'storedConnections' | 'setConnection' | 'now' | 'setNow'>;

/** Makes a database that answers every statement with the same rows. */
export type DatabaseAnswering = (...rows: SqlRow[]) => OpenSql;
export const answering: DatabaseAnswering =
  (...rows) =>
  () => ({
    sql: sqlOf(async () => rows),
    outcomes: () => ({ succeeded: 1, failed: 0 }),
    close: async () => {},
  });

/** The services that the connections of one test tenant lead to. */
export class TestServices {
  readonly #host: ServedHost;
  readonly #services = new Map<string, TestService>();
  readonly #databases = new Map<string, OpenSql>();

  constructor(host: ServedHost) {
    this.#host = host;
  }

  /** How the connections are opened. Waiting moves the clock of the test. */
  get access(): ConnectionAccess {
    const host = this.#host;
    return {
      keys: [KEY],
      tokens: NO_ACCESS_TOKENS,
      policy: { ownOrigins: [], isDevelopment: false },
      database: (name) => this.#databases.get(name),
      platform: {
        fetch: async (url, init) => {
          const service = this.#services.get(new URL(url).hostname);
          if (service === undefined) throw new Error(`nothing is behind ${url}`);
          return service(new Request(url, init));
        },
        clock: () => host.now(),
        random: () => 1,
        timeout: () => new AbortController().signal,
        wait: async (ms) => host.setNow(host.now() + ms),
      },
    };
  }

  /** Sets up a connection with the secret `Bearer secret-of-<name>` that leads to `answer`. */
  async connect(name: string, answer: TestService): Promise<void> {
    const hostname = `${name}.services.example.com`;
    this.#services.set(hostname, answer);
    const stored = await this.#host.storedConnections();
    if (!stored.ok) throw new Error(stored.error.message);
    const { instance } = stored.value;
    const target = {
      kind: 'http',
      url: `https://${hostname}/`,
      header: 'Authorization',
      internal: false,
    } as const;
    const owner = { tenant: this.#host.tenant, instance, name, target };
    const secret = await sealSecret(KEY, owner, `Bearer secret-of-${name}`);
    const set = await this.#host.setConnection({ name, target, secret, instance });
    if (!set.ok) throw new Error(set.error.message);
  }

  /** Sets up a connection that leads to a database of all tenants. */
  async connectDatabase(name: string, open: OpenSql): Promise<void> {
    this.#databases.set(name, open);
    const set = await this.#host.setConnection({ name, target: { kind: 'postgres', database: name } });
    if (!set.ok) throw new Error(set.error.message);
  }
}
