import type { Database } from '../tenant/storage/database.ts';

/** Actions that are kept; older ones are dropped. */
export const MAX_ACTIONS = 5000;
/** Changes of one action that are kept. */
const MAX_CHANGES = 10;
const MAX_TEXT_CHARS = 256;

/** One thing that the operator has changed, from what to what. */
export interface ActionChange {
  readonly what: string;
  readonly from?: string | number | boolean | null;
  readonly to?: string | number | boolean | null;
}

/** Something that the operator has done. */
export interface Action {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Empty for an action on the deployment. */
  readonly tenant: string;
  /** The method and the path below the tenant, such as `PATCH limits`. */
  readonly action: string;
  /** Who the operator said to be, which nothing proves. */
  readonly as: string | undefined;
  /** Why it was refused; undefined when it was done. */
  readonly code: string | undefined;
  readonly changed: readonly ActionChange[];
}

export interface ListedAction extends Action {
  readonly id: number;
}

/** Which actions a page of the list has. */
export interface ActionQuery {
  readonly limit: number;
  /** Those that were done before this one. */
  readonly before: number | undefined;
}

type ActionRow = {
  id: number;
  at: number;
  tenant: string;
  action: string;
  named: string | null;
  code: string | null;
  changed: string;
};

/** The newest actions of the operator. */
export class ActionRows {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  add({ at, tenant, action, as, code, changed }: Action): void {
    this.#db.transaction(() => {
      const [row] = this.#db.exec<{ id: number }>(
        `INSERT INTO actions (at, tenant, action, named, code, changed) VALUES (?, ?, ?, ?, ?, ?) RETURNING id`,
        at,
        tenant,
        action.slice(0, MAX_TEXT_CHARS),
        as?.slice(0, MAX_TEXT_CHARS) ?? null,
        code ?? null,
        JSON.stringify(changed.slice(0, MAX_CHANGES)),
      );
      this.#db.exec('DELETE FROM actions WHERE id <= ?', (row?.id ?? 0) - MAX_ACTIONS);
    });
  }

  /** The newest first. */
  list({ limit, before }: ActionQuery): ListedAction[] {
    return this.#db
      .exec<ActionRow>(
        'SELECT * FROM actions WHERE id < ? ORDER BY id DESC LIMIT ?',
        before ?? Number.MAX_SAFE_INTEGER,
        limit,
      )
      .map(({ id, at, tenant, action, named, code, changed }) => ({
        id,
        at,
        tenant,
        action,
        as: named ?? undefined,
        code: code ?? undefined,
        changed: JSON.parse(changed),
      }));
  }
}
