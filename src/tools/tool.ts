import type * as z from 'zod';
import type { LogPolicy } from '../telemetry/redact.ts';

export const FAMILIES = ['blackboard', 'scar', 'cache'] as const;
export type Family = (typeof FAMILIES)[number];
export type Scope = `${Family}:${'read' | 'write'}`;
/** Every scope that a token can have. */
export const SCOPES: readonly Scope[] = FAMILIES.flatMap(
  (family) => [`${family}:read`, `${family}:write`] as const,
);

export type SqlValue = string | number | null;
export type SqlRow = Record<string, SqlValue>;

/** The compartment's database. Statements run at once; the pipeline holds the transaction around them. */
export interface Sql {
  /** Runs one statement with `?` bindings (at most 100) and returns every row. */
  exec<Row extends SqlRow = SqlRow>(query: string, ...bindings: SqlValue[]): Row[];
}

/** Who writes, by credential: `principal` is the id of the token. */
export interface Author {
  readonly principal: string;
}

export interface BucketStatus {
  scope: 'tenant' | 'tool';
  tool?: string;
  remaining: number;
  capacity: number;
  refill_per_s: number;
  resets_in_ms: number;
}

/** What the tenant may still use, for `tenant_limits`. */
export interface Allowance {
  limits: BucketStatus[];
  storage: { bytes: number; quota_bytes: number };
  token: { scopes: Scope[]; expires_at: string };
}

/**
 * All that a tool has besides its arguments. It names no tenant, no environment, no network and no request:
 * data of another tenant cannot be expressed with it.
 */
export interface ToolContext {
  readonly sql: Sql;
  /** The one clock reading of this call, in milliseconds since the epoch. */
  readonly now: number;
  readonly author: Author;
  /** Takes the next revision of the tenant's one counter; it is kept only if the call commits. */
  nextRev(): number;
  /** The last revision taken. */
  headRev(): number;
  allowance(): Allowance;
  /**
   * Whether the tool may return `NotYet`. When it is false the time of `wait_s` is up, or none was given, and the tool
   * must answer with what there is.
   */
  readonly mayWait: boolean;
  /** Whether this call has returned `NotYet` before. */
  readonly waited: boolean;
  /** Wakes, once this call has committed, the calls that returned `NotYet` for the topic. */
  touch(topic: string): void;
  /** A text that only this tenant can have made, for cursors: opaque, and void once it is changed. */
  seal(payload: string): string;
  /** What was sealed, or undefined when this tenant did not seal it. */
  unseal(sealed: string): string | undefined;
}

/**
 * Returned by a tool whose input has `wait_s` and that has nothing to say yet. What it wrote is undone, and it is run
 * again, with a new reading of the clock, when the topic is touched, at `until` or when the time is up.
 */
export class NotYet {
  readonly topic: string;
  /** When to run the tool again if nothing happens before, in milliseconds since the epoch. */
  readonly until: number | undefined;

  constructor(topic: string, until?: number) {
    this.topic = topic;
    this.until = until;
  }
}

export interface Annotations {
  readonly readOnlyHint: boolean;
  readonly destructiveHint: boolean;
  readonly idempotentHint: boolean;
  /** Tools work on the tenant's own storage only. */
  readonly openWorldHint: false;
}

/** What every tool says of itself; the pipeline limits, bounds, logs and isolates it by this. */
export interface Described<Input extends z.ZodObject = z.ZodObject> {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** What the token must have; `any` asks for nothing beyond a token that is good. */
  readonly scope: Scope | 'any';
  /** Tokens that a call takes from each bucket. */
  readonly cost: number;
  readonly input: Input;
  /** How each argument may appear in logs. */
  readonly log: { readonly [Field in keyof z.output<Input>]-?: LogPolicy };
}

/** A tool on the tenant's own data: one synchronous function. It contains no try/catch, no authorisation, no logging and no limit. */
export interface Tool<Input extends z.ZodObject = z.ZodObject, Output extends z.ZodObject = z.ZodObject>
  extends Described<Input> {
  /** Whether a call can make the stored data larger: such a call is refused when the storage quota is reached. */
  readonly grows: boolean;
  readonly annotations: Annotations;
  readonly output: Output;
  /** Returns what `output` describes, or throws a `ToolError`. Anything else thrown is answered as `internal`. */
  run(args: z.output<Input>, context: ToolContext): z.output<Output> | NotYet;
}

/** Keeps the types of a tool's arguments and answer while the catalogue holds tools of every shape. */
export function defineTool<Input extends z.ZodObject, Output extends z.ZodObject>(
  tool: Tool<Input, Output>,
): Tool<Input, Output> {
  return tool;
}
