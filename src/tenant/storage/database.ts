import type { Sql } from '../../tools/tool.ts';

/** The database of one tenant. Implemented by the Durable Object's SQLite storage and by `node:sqlite`. */
export interface Database extends Sql {
  /** Runs `body` in one transaction: all of its statements are committed, or none when it throws. */
  transaction<T>(body: () => T): T;
  /** Runs a script of several statements without bindings. */
  script(statements: string): void;
  /** Bytes in use, without free pages. */
  sizeBytes(): number;
}
