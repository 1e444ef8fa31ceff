import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { accountOf, freePort, LOGIN_PASSWORD, type PostgresServer } from './server.ts';

const PROGRAM = ['/usr/sbin/pgbouncer', '/usr/bin/pgbouncer'].find((path) => existsSync(path));

/** True if pgbouncer is installed, which pools sessions as Hyperdrive does: each transaction may get another one. */
export const hasPgbouncer = PROGRAM !== undefined;
export interface Pool {
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts a pool of two sessions for all clients. */
export async function startPgbouncer(server: PostgresServer): Promise<Pool> {
  const port = await freePort();
  const file = join(server.folder, 'pgbouncer.ini');
  const settings = [
    '[databases]',
    `shop = host=127.0.0.1 port=${server.port} user=bulkhead_tools password=${LOGIN_PASSWORD}`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${port}`,
    'unix_socket_dir =',
    'auth_type = any',
    'pool_mode = transaction',
    'default_pool_size = 2',
    'max_client_conn = 200',
  ];
  writeFileSync(file, settings.join('\n'));
  const pool = spawn(PROGRAM ?? '', [file], { ...accountOf(), stdio: ['ignore', 'ignore', 'pipe'] });
  if (pool.stderr === null) throw new Error('the pool has no log');
  for await (const line of createInterface({ input: pool.stderr })) if (line.includes('process up')) break;
  pool.stderr.resume();
  return {
    url: `postgres://bulkhead_tools@127.0.0.1:${port}/shop`,
    stop: async () => {
      const ended = once(pool, 'exit');
      pool.kill('SIGKILL');
      await ended;
    },
  };
}
