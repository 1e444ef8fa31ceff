import type * as z from 'zod';
import type { LogPolicy } from '../telemetry/redact.ts';
import type { Scope } from './families.ts';

export { ALL_SCOPES, SCOPES, type Scope } from './families.ts';

/** A value of a column or a binding. Booleans are stored as 0 and 1, times as milliseconds since the epoch. */
export type SqlValue = string | number | null;
export type SqlRow = Record<string, SqlValue>;

/**
 * The tenant's own SQLite database, as a tool sees it. Every statement runs inside the transaction that the pipeline
 * opened for the call, so a tool never begins, commits or rolls back.
 *
 * @example
 * ```ts
 * import type { Sql } from './tool.ts';
 *
 * function openTickets(sql: Sql, customer: string): string[] {
 *   return sql
 *     .exec<{ subject: string }>('SELECT subject FROM tickets WHERE customer = ? AND closed_at IS NULL', customer)
 *     .map(({ subject }) => subject);
 * }
 * ```
 */
export interface Sql {
  /**
   * Runs one SQL statement and returns all of its rows.
   * @param query one statement of at most 100 KB; never build it from a caller's text
   * @param bindings the values for its `?` placeholders, at most 100, each at most 2 MB (limits of Durable Objects)
   * @throws Error when the statement is invalid or violates a constraint: the call then ends as `internal`
   */
  exec<Row extends SqlRow = SqlRow>(query: string, ...bindings: SqlValue[]): Row[];
}

/**
 * Deletes rows that have expired, at most about `limit` of them in one call, and returns how many it deleted. It is
 * called again soon after it deleted `limit` rows, and otherwise once an hour.
 * @param now milliseconds since the epoch; a row has expired when `now >= expires_at`
 */
export type Sweeper = (sql: Sql, now: number, limit: number) => number;

/** What the recording of expiries may use. */
export type ExpiryContext = Pick<ToolContext, 'sql' | 'now' | 'nextRev' | 'touch'>;

/** Data that expires and whose expiry is an event with a revision, for those who watch. */
export interface Expiry {
  /** When the next entry expires, or has expired without being recorded, in milliseconds since the epoch. Reads a few rows. */
  next(sql: Sql): number | undefined;
  /**
   * Records what has expired, the first to expire first, and removes it. It runs in a transaction of its own, before a call
   * of a tool and at the time that `next` has returned.
   * @param limit the most entries of each kind to record
   * @returns how many it has recorded
   */
  record(context: ExpiryContext, limit: number): number;
}

/** The authenticated author of a call. `principal` is the id of the token, which stays the same for its lifetime. */
export interface Author {
  readonly principal: string;
}

/** One token bucket: `remaining` and `capacity` in calls of cost 1, `resets_in_ms` until it is full again. */
export interface BucketStatus {
  scope: 'tenant' | 'tool';
  tool?: string;
  remaining: number;
  capacity: number;
  refill_per_s: number;
  resets_in_ms: number;
}

/** A quota of calls in a day or a month. */
export interface CallQuotaStatus {
  period: 'day' | 'month';
  remaining: number;
  quota: number;
  resets_at: string;
}

/** What the tenant may still use; the answer of `tenant_limits`. */
export interface Allowance {
  limits: BucketStatus[];
  /** One for each quota of calls that is set. */
  calls: CallQuotaStatus[];
  storage: { bytes: number; quota_bytes: number };
  token: { scopes: Scope[]; expires_at: string };
}

/**
 * Everything that a tool is given besides its arguments. It contains no tenant id, no environment, no network and no
 * request, so a tool cannot address the data of another tenant.
 *
 * @example
 * ```ts
 * import type { ToolContext } from './tool.ts';
 *
 * function addTicket({ sql, now, author, nextRev }: ToolContext, subject: string): number {
 *   const rev = nextRev();
 *   sql.exec('INSERT INTO tickets (rev, subject, opened_at, opened_by) VALUES (?, ?, ?, ?)', rev, subject, now, author.principal);
 *   return rev;
 * }
 * ```
 */
export interface ToolContext {
  readonly sql: Sql;
  /** The time of this call in milliseconds since the epoch. It is read once, so all of a call's times are equal. */
  readonly now: number;
  readonly author: Author;
  /** Allocates the tenant's next revision: an integer that increases by 1, and is undone if the call fails. */
  nextRev(): number;
  /** The last revision that was allocated; 0 for a new tenant. */
  headRev(): number;
  allowance(): Allowance;
  /**
   * What an answer may take unless its caller asks for more, in bytes of JSON text, for a tool whose answer can hold many or
   * large values: see `AnswerBudget`. Far more for programs, which use plain HTTP.
   */
  readonly answerBytes: number;
  /**
   * For a tool that computes much before it writes: fails as writing that many more characters would.
   * @throws ToolError `too_large`
   */
  requireWritable(chars: number): void;
  /**
   * For a tool that knows the size of what it is about to read: fails as reading that many more bytes would.
   * @throws ToolError `too_large`
   */
  requireReadable(bytes: number): void;
  /**
   * True if the tool may return `NotYet`. False if the caller's `wait_s` has elapsed or was not given: the tool must
   * then answer with the data that it has.
   */
  readonly mayWait: boolean;
  /** True if this call has returned `NotYet` before. */
  readonly waited: boolean;
  /** After this call has committed, runs the calls again that returned `NotYet` for this topic. */
  touch(topic: string): void;
  /** The call has changed nothing of which `Expiry.next` depends, so the pipeline need not ask for it again. */
  keepsExpiries(): void;
  /**
   * Signs a text (HMAC-SHA-256) that the caller is to send back, such as a cursor. The text stays readable.
   * @param purpose what the text is for; the signature covers it, so the text can be unsealed for this purpose only
   */
  seal(purpose: string, payload: string): string;
  /** Returns the payload of a sealed text, or undefined if this tenant did not seal it for `purpose` or it was changed. */
  unseal(purpose: string, sealed: string): string | undefined;
}

/**
 * The result of a tool that has no answer yet and whose input has `wait_s`. The pipeline rolls back what the tool wrote
 * and runs it again, with a new `now`, when another call touches the topic, at `until`, or when `wait_s` has elapsed.
 */
export class NotYet {
  readonly topic: string;
  /** When to run the tool again if the topic is not touched before, in milliseconds since the epoch. */
  readonly until: number | undefined;

  constructor(topic: string, until?: number) {
    this.topic = topic;
    this.until = until;
  }
}

/** The hints of a tool about its effects (MCP specification, "Tool annotations"). All four must be given. */
export interface Annotations {
  readonly readOnlyHint: boolean;
  readonly destructiveHint: boolean;
  readonly idempotentHint: boolean;
  /** Always false, because these tools use the tenant's own storage only. */
  readonly openWorldHint: false;
}

/** The declarations that both kinds of tools have. The pipeline limits, validates and logs calls according to them. */
export interface ToolDeclaration<Input extends z.ZodObject = z.ZodObject> {
  /** `<family>_<verb>`, lower case, unique in the catalogue. */
  readonly name: string;
  /** The name for people, 4 to 40 characters. */
  readonly title: string;
  /** What the tool does and when to use it, 40 to 600 characters: the only documentation that a model reads. */
  readonly description: string;
  /** The scope that the caller's token needs; `any` admits every valid token. */
  readonly scope: Scope | 'any';
  /** How many tokens a call takes from the tenant's bucket and from the tool's bucket: a whole number, at least 1. */
  readonly cost: number;
  /** A strict object. Every text, list and number in it needs an upper bound. */
  readonly input: Input;
  /** For every argument, how it may appear in logs: as it is, as a hash, as a length, by the keys of its items, or not at all. */
  readonly log: { readonly [Field in keyof z.output<Input>]-?: LogPolicy };
}

/**
 * How a call counts when the storage quota is reached: `none` is never refused, `data` is refused at the quota, and
 * `reserve` only beyond a small reserve, because a refusal would lose work that is done.
 */
export type Growth = 'none' | 'data' | 'reserve';

/** A tool on the tenant's own data. `defineTool` shows one. */
export interface Tool<Input extends z.ZodObject = z.ZodObject, Output extends z.ZodObject = z.ZodObject>
  extends ToolDeclaration<Input> {
  /** True if a call can add stored data: such a call is refused while the storage quota is exhausted. */
  readonly grows: boolean;
  /** For a tool that grows by some calls only: how this call counts. Without it, every call of a tool that grows counts as `data`. */
  growthOf?(args: z.output<Input>): Growth;
  /** Deletes the expired rows of this tool's tables. One tool of a family declares it for all tables of the family. */
  readonly sweep?: Sweeper;
  /** Records the expiries of this tool's tables. One tool of a family declares it for all tables of the family. */
  readonly expiry?: Expiry;
  readonly annotations: Annotations;
  /** A strict object that describes every answer. */
  readonly output: Output;
  /**
   * The fields of an answer that show what others have stored, such as `current` or `entries[].current`; for tools with a
   * write scope. They are left out for a token without the family's read scope, and `withheld`, which `output` must
   * have, names them.
   */
  readonly storedFields?: readonly string[];
  /**
   * Runs one call in one transaction, which is rolled back if this throws. It must be synchronous.
   * @returns an object that `output` describes, or `NotYet` to wait
   * @throws ToolError for an expected failure, which the caller sees; anything else is reported as `internal`
   */
  run(args: z.output<Input>, context: ToolContext): z.output<Output> | NotYet;
}

/**
 * Declares a tool that works on the tenant's own data. It returns its argument unchanged and only infers the types of
 * the arguments and the answer. A tool needs no try/catch, no authorization, no logging and no rate limit of its own:
 * the pipeline does all of that from these declarations.
 *
 * @example
 * ```ts
 * import * as z from 'zod';
 * import { count, runId } from './fields.ts';
 * import { defineTool } from './tool.ts';
 *
 * export const blackboardCount = defineTool({
 *   name: 'blackboard_count',
 *   title: 'Count cells',
 *   description: 'Counts the cells of a board. Use it before you list a board that may be large.',
 *   scope: 'blackboard:read',
 *   cost: 1,
 *   grows: false,
 *   annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
 *   input: z.strictObject({ run_id: runId() }),
 *   output: z.strictObject({ cells: count() }),
 *   log: { run_id: 'plain' },
 *   run: ({ run_id }, { sql }) => {
 *     const [row] = sql.exec<{ cells: number }>('SELECT count(*) AS cells FROM board_cells WHERE run_id = ?', run_id);
 *     return { cells: row?.cells ?? 0 };
 *   },
 * });
 * ```
 */
export function defineTool<Input extends z.ZodObject, Output extends z.ZodObject>(
  tool: Tool<Input, Output>,
): Tool<Input, Output> {
  return tool;
}
