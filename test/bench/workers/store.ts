import { DurableObject } from 'cloudflare:workers';

export interface StoreEnv {
  STORE: DurableObjectNamespace<Store>;
}

/** The least that a write can be: one upsert, answered when it is durable. */
export class Store extends DurableObject {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    ctx.storage.sql.exec(
      'CREATE TABLE IF NOT EXISTS cells (key TEXT PRIMARY KEY, value TEXT NOT NULL, rev INTEGER NOT NULL) STRICT, WITHOUT ROWID',
    );
  }

  write(key: string, value: string): { status: 'created' | 'updated'; key: string; rev: number } {
    const { rev } = this.ctx.storage.sql
      .exec<{ rev: number }>(
        `INSERT INTO cells (key, value, rev) VALUES (?, ?, 1)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value, rev = rev + 1 RETURNING rev`,
        key,
        value,
      )
      .one();
    return { status: rev === 1 ? 'created' : 'updated', key, rev };
  }

  /** How many writes there ever were. */
  written(): number {
    return this.ctx.storage.sql.exec<{ n: number }>('SELECT total(rev) AS n FROM cells').one().n;
  }
}

export const storeOf = (env: StoreEnv) => env.STORE.getByName('bench');
