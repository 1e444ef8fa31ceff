import type { Sql } from '../../tools/tool.ts';

/** How long a yes stands that was given for a token, a tool and a run. */
export const STANDING_MS = 8 * 3_600_000;
/** Those of one tenant. */
export const MAX_STANDING = 100;

export type StandingRow = {
  id: string;
  token_id: string;
  tool: string;
  run_key: string;
  /** When the call was held for which it was given: it stands for the run that went on then. */
  held_at: number;
  given_at: number;
  expires_at: number;
  given_by: string;
};

/** A person's yes to all calls of one token to one tool in one run. */
export class Standing {
  readonly #db: Sql;

  constructor(db: Sql) {
    this.#db = db;
  }

  /**
   * The yes under which a call may run at once.
   * @param since when the run of the call has begun: a yes that was given for an earlier run with this key does not count
   */
  of(
    { token_id, tool, run_key }: Pick<StandingRow, 'token_id' | 'tool' | 'run_key'>,
    since: number,
    now: number,
  ): StandingRow | undefined {
    const [row] = this.#db.exec<StandingRow>(
      `SELECT * FROM standing_approvals
       WHERE token_id = ? AND tool = ? AND run_key = ? AND held_at >= ? AND expires_at > ? LIMIT 1`,
      token_id,
      tool,
      run_key,
      since,
      now,
    );
    return row;
  }

  /** Whether there are as many as there can be. */
  isFull(now: number): boolean {
    return this.list(now).length >= MAX_STANDING;
  }

  give(
    {
      id,
      token_id,
      tool,
      run_key,
      held_at,
    }: Pick<StandingRow, 'id' | 'token_id' | 'tool' | 'run_key' | 'held_at'>,
    by: string,
    now: number,
  ): void {
    this.#db.exec('DELETE FROM standing_approvals WHERE expires_at <= ?', now);
    this.#db.exec(
      `INSERT INTO standing_approvals (id, token_id, tool, run_key, held_at, given_at, expires_at, given_by)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
      id,
      token_id,
      tool,
      run_key,
      held_at,
      now,
      now + STANDING_MS,
      by,
    );
  }

  /** @returns whether there was one */
  end(id: string): boolean {
    return this.#db.exec('DELETE FROM standing_approvals WHERE id = ? RETURNING 1 AS ended', id).length > 0;
  }

  /** Ends those that were given by somebody. @param by how `given_by` begins */
  endBy(by: string): void {
    this.#db.exec('DELETE FROM standing_approvals WHERE substr(given_by, 1, length(?)) = ?', by, by);
  }

  /** Ends those of all other tools: what needs no yes has none that stands when it needs one again. */
  keepOf(tools: readonly string[]): void {
    this.#db.exec(
      'DELETE FROM standing_approvals WHERE tool NOT IN (SELECT value FROM json_each(?))',
      JSON.stringify(tools),
    );
  }

  list(now: number): StandingRow[] {
    return this.#db.exec<StandingRow>(
      'SELECT * FROM standing_approvals WHERE expires_at > ? ORDER BY given_at DESC, id LIMIT ?',
      now,
      MAX_STANDING,
    );
  }
}
