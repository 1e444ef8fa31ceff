import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

/** The newest PostgreSQL of the machine, as Debian installs it; undefined without one. */
const BIN = globSync('/usr/lib/postgresql/*/bin/postgres').sort().at(-1);

/** True if PostgreSQL is installed. */
export const hasPostgres = BIN !== undefined;

export interface PostgresServer {
  readonly port: number;
  /** A folder for its data, and for what is started beside it. */
  readonly folder: string;
  url(role: string, database?: string): string;
  stop(): Promise<void>;
}

/** The password of the role that tools log in as, which the tests give it. */
export const LOGIN_PASSWORD = 'password-of-the-login';
/** That role logs in with its password, as it does in production; the others without one. */
const HBA = 'host all bulkhead_tools 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n';

/** Starts a server in a temporary folder, on loopback. */
export async function startPostgres(): Promise<PostgresServer> {
  const bin = dirname(BIN ?? '');
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-postgres-'));
  const account = accountOf();
  if (account.uid !== undefined && account.gid !== undefined) chownSync(folder, account.uid, account.gid);
  const data = join(folder, 'data');
  const options = ['--pgdata', data, '--username=postgres', '--auth=trust', '--no-sync', '--encoding=UTF8'];
  execFileSync(join(bin, 'initdb'), [...options, '--locale=C.UTF-8'], { ...account, cwd: folder });
  writeFileSync(join(data, 'pg_hba.conf'), HBA);
  const port = await freePort();
  const settings = ['listen_addresses=127.0.0.1', 'fsync=off', 'autovacuum=off', 'max_connections=200'];
  const server = spawn(
    join(bin, 'postgres'),
    ['-D', data, '-k', folder, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])],
    { ...account, cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  await ready(server);
  return {
    port,
    folder,
    url: (role, database = 'shop') => `postgres://${role}:${LOGIN_PASSWORD}@127.0.0.1:${port}/${database}`,
    stop: async () => {
      const ended = once(server, 'exit');
      server.kill('SIGQUIT');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** PostgreSQL does not run as root, so root lends it the account that its package made. */
export function accountOf(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const idOf = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: idOf('-u'), gid: idOf('-g') };
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function ready(server: ChildProcess): Promise<void> {
  if (server.stderr === null) throw new Error('the server has no log');
  const log: string[] = [];
  for await (const line of createInterface({ input: server.stderr })) {
    log.push(line);
    if (line.includes('database system is ready to accept connections')) {
      // The rest of the log is not read, and must not block the server.
      server.stderr.resume();
      return;
    }
  }
  throw new Error(`PostgreSQL did not start:\n${log.join('\n')}`);
}
