import type { Sql } from '../../tools/tool.ts';

/** What the compartment needs of its database. Two hosts provide it: the Durable Object and `node:sqlite`. */
export interface Database extends Sql {
  /** Runs `body` in one transaction: all of its statements are kept, or, when it throws, none. */
  transaction<T>(body: () => T): T;
  /** Runs a script of several statements without bindings. */
  script(statements: string): void;
  /** Bytes in use, free pages not counted. */
  sizeBytes(): number;
}
