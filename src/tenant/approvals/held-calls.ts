import { utf8Bytes } from '../../json/utf8.ts';
import { randomHex } from '../../telemetry/trace.ts';
import { ToolError } from '../../tools/errors.ts';
import type { Sql } from '../../tools/tool.ts';
import type { Decision, HeldState } from '../contract/approval.ts';
import { usedByApprovals } from '../storage/usage.ts';
import { type HeldRow, LOST_AFTER_MS, stateAt } from './held-row.ts';
import { Standing } from './standing.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const KIB = 1024;

/** How long a person can decide, and how long the agent can redeem what was approved. */
export const DECIDE_MS = DAY_MS;
export const REDEEM_MS = HOUR_MS;
/** How long a held call that has ended is remembered, with its answer. */
export const REMEMBER_MS = DAY_MS;
/** Open held calls of a tenant, and of one token, so that no agent takes the places of the others. */
export const MAX_OPEN = 100;
export const MAX_OPEN_PER_TOKEN = 25;
/** What the arguments of one may take: a person has to read them. */
export const MAX_ARGS_BYTES = 256 * KIB;
/** A longer answer is given once and not stored for repeats. */
export const MAX_RESULT_BYTES = 256 * KIB;
/** All rows, and what they may take beyond the storage quota. Ended ones go first, the oldest before the others. */
export const MAX_ROWS = 400;
export const MAX_BYTES = 16 * KIB * KIB;
const DROPPED_AT_ONCE = 32;
const ROW_BYTES = 600;
/** When to try again while too many calls wait. */
const RETRY_FULL_MS = 60_000;
const RUN_TWICE = 'a held call would be run twice';

const IS_OPEN = `(state = 'running' OR (state IN ('pending', 'approved') AND expires_at > ?))`;

export type NewHeldCall = Pick<
  HeldRow,
  'token_id' | 'tool' | 'digest' | 'run_key' | 'trace_id' | 'client' | 'args'
>;

/**
 * The calls of one tenant that wait for a person's yes. All of it is in the database, so it survives whatever becomes of the
 * host. Whoever calls a method that writes has opened a transaction.
 *
 * Guarantee: a held call leaves `pending` and `approved` once, so it is run at most once.
 */
export class HeldCalls {
  readonly standing: Standing;
  readonly #db: Sql;

  constructor(db: Sql) {
    this.#db = db;
    this.standing = new Standing(db);
  }

  find(id: string): HeldRow | undefined {
    const [row] = this.#db.exec<HeldRow>('SELECT * FROM held_calls WHERE id = ?', id);
    return row;
  }

  /** The open held call that a repeat of the same call means. */
  same(token: string, digest: string, now: number): HeldRow | undefined {
    const [row] = this.#db.exec<HeldRow>(
      `SELECT * FROM held_calls WHERE token_id = ? AND digest = ? AND ${IS_OPEN} LIMIT 1`,
      token,
      digest,
      now,
    );
    return row;
  }

  /** @throws ToolError when the arguments are too large, or too many calls wait already */
  hold(call: NewHeldCall, now: number): HeldRow {
    const size = utf8Bytes(call.args) + ROW_BYTES;
    if (size - ROW_BYTES > MAX_ARGS_BYTES) throw tooLarge();
    this.#makeRoom(call.token_id, size, now);
    const id = `ap_${randomHex(12)}`;
    const [row] = this.#db.exec<HeldRow>(
      `INSERT INTO held_calls (id, state, token_id, tool, digest, run_key, trace_id, client, size, held_at, expires_at, forget_at, args)
       VALUES (?, 'pending', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *`,
      id,
      call.token_id,
      call.tool,
      call.digest,
      call.run_key,
      call.trace_id,
      call.client,
      size,
      now,
      now + DECIDE_MS,
      now + DECIDE_MS + REMEMBER_MS,
      call.args,
    );
    if (row === undefined) throw new Error('the call was not held');
    return row;
  }

  /** Decides a call that is pending, or takes back what was approved and not yet redeemed. @returns undefined when it is too late */
  decide(id: string, { approve, reason }: Decision, by: string, now: number): HeldRow | undefined {
    const state: HeldState = approve ? 'approved' : 'refused';
    const until = approve ? now + REDEEM_MS : now;
    const from = approve ? `'pending'` : `'pending', 'approved'`;
    const [row] = this.#db.exec<HeldRow>(
      `UPDATE held_calls SET state = ?, decided_at = ?, decided_by = ?, reason = ?, expires_at = ?, forget_at = ?
       WHERE id = ? AND state IN (${from}) AND expires_at > ? RETURNING *`,
      state,
      now,
      by,
      reason ?? null,
      until,
      until + REMEMBER_MS,
      id,
      now,
    );
    return row;
  }

  /**
   * Undoes the approvals of somebody who may not decide any more: calls that were not redeemed wait again, and none stands.
   * @param by how `decided_by` begins
   */
  takeBack(by: string, now: number): void {
    this.standing.endBy(by);
    this.#db.exec(
      `UPDATE held_calls SET state = 'pending', decided_at = NULL, decided_by = NULL, reason = NULL,
         expires_at = held_at + ?, forget_at = held_at + ?
       WHERE state = 'approved' AND expires_at > ? AND substr(decided_by, 1, length(?)) = ?`,
      DECIDE_MS,
      DECIDE_MS + REMEMBER_MS,
      now,
      by,
      by,
    );
  }

  /** Notes that a remote tool is run. @throws Error when it was begun or has ended before */
  start({ id }: HeldRow, slot: string, by: string, now: number): void {
    const started = this.#db.exec(
      `UPDATE held_calls SET state = 'running', slot = ?, started_at = ?, decided_by = ?, decided_at = coalesce(decided_at, ?)
       WHERE id = ? AND state IN ('pending', 'approved') RETURNING 1 AS started`,
      slot,
      now,
      by,
      now,
      id,
    );
    if (started.length === 0) throw new Error(RUN_TWICE);
  }

  /** Undoes `start`, because the tool has only asked its client something and is called again with the answer. */
  rewind({ id }: HeldRow, slot: string): void {
    this.#db.exec(
      `UPDATE held_calls SET state = 'approved', slot = NULL, started_at = NULL
       WHERE id = ? AND state = 'running' AND slot = ?`,
      id,
      slot,
    );
  }

  /** Notes the end of a remote tool. One that was taken for lost has an end after all. */
  complete({ id }: HeldRow, slot: string, result: string, now: number): void {
    this.#end(`id = ? AND slot = ? AND state IN ('running', 'unknown')`, [id, slot], result, now);
  }

  /**
   * Notes how it ended, in the transaction of its effect.
   * @param result a `HeldResult` as JSON text
   * @throws Error when it was begun or has ended before, so that the transaction is undone
   */
  finish({ id }: HeldRow, result: string, by: string, now: number): void {
    const ended = this.#end(`id = ? AND state IN ('pending', 'approved')`, [id], result, now);
    if (!ended) throw new Error(RUN_TWICE);
    this.#db.exec(
      'UPDATE held_calls SET decided_by = ?, decided_at = coalesce(decided_at, ?) WHERE id = ?',
      by,
      now,
      id,
    );
  }

  #end(which: string, bindings: readonly string[], result: string, now: number): boolean {
    const bytes = utf8Bytes(result);
    const isStored = bytes <= MAX_RESULT_BYTES;
    const ended = this.#db.exec(
      `UPDATE held_calls SET state = 'done', result = ?, size = size + ?, forget_at = ? WHERE ${which} RETURNING 1 AS ended`,
      isStored ? result : null,
      isStored ? bytes : 0,
      now + REMEMBER_MS,
      ...bindings,
    );
    return ended.length > 0;
  }

  /** Stores the state that a held call has by now. @returns it */
  settle(row: HeldRow, now: number): HeldRow {
    const state = stateAt(row, now);
    this.#db.exec('UPDATE held_calls SET state = ? WHERE id = ?', state, row.id);
    return { ...row, state };
  }

  /** The newest first. */
  list(): HeldRow[] {
    return this.#db.exec<HeldRow>('SELECT * FROM held_calls ORDER BY held_at DESC, id LIMIT ?', MAX_ROWS);
  }

  #makeRoom(token: string, size: number, now: number): void {
    const [open] = this.#db.exec<{ all_open: number; own: number }>(
      `SELECT count(*) AS all_open, coalesce(sum(token_id = ?), 0) AS own FROM held_calls WHERE ${IS_OPEN}`,
      token,
      now,
    );
    if ((open?.own ?? 0) >= MAX_OPEN_PER_TOKEN) throw full(MAX_OPEN_PER_TOKEN, 'of this token');
    if ((open?.all_open ?? 0) >= MAX_OPEN) throw full(MAX_OPEN, 'of this tenant');
    for (let dropped = 1; ; ) {
      const { rows, bytes } = usedByApprovals(this.#db);
      if (rows < MAX_ROWS && bytes + size <= MAX_BYTES) return;
      if (dropped === 0) throw full(MAX_OPEN, 'of this tenant');
      dropped = this.#dropEnded(now);
    }
  }

  #dropEnded(now: number): number {
    return this.#db.exec(
      `DELETE FROM held_calls WHERE id IN
         (SELECT id FROM held_calls WHERE NOT ${IS_OPEN} ORDER BY forget_at LIMIT ?) RETURNING 1 AS dropped`,
      now,
      DROPPED_AT_ONCE,
    ).length;
  }
}

/** Stores of at most `limit` held calls that their time is over, or their end lost. @returns those */
export function expireHeldCalls(db: Sql, now: number, limit: number): HeldRow[] {
  const expired = db.exec<HeldRow>(
    `UPDATE held_calls SET state = 'expired' WHERE id IN
       (SELECT id FROM held_calls WHERE state IN ('pending', 'approved') AND expires_at <= ? LIMIT ?) RETURNING *`,
    now,
    limit,
  );
  const lost = db.exec<HeldRow>(
    `UPDATE held_calls SET state = 'unknown' WHERE id IN
       (SELECT id FROM held_calls WHERE state = 'running' AND started_at <= ? LIMIT ?) RETURNING *`,
    now - LOST_AFTER_MS,
    limit,
  );
  return [...expired, ...lost];
}

/** Deletes held calls that have ended long enough ago, and approvals that do not stand any more. */
export function sweepApprovals(db: Sql, now: number, limit: number): number {
  const calls = db.exec(
    'DELETE FROM held_calls WHERE id IN (SELECT id FROM held_calls WHERE forget_at <= ? LIMIT ?) RETURNING 1 AS dropped',
    now,
    limit,
  );
  const standing = db.exec(
    'DELETE FROM standing_approvals WHERE id IN (SELECT id FROM standing_approvals WHERE expires_at <= ? LIMIT ?) RETURNING 1 AS dropped',
    now,
    limit,
  );
  return calls.length + standing.length;
}

const tooLarge = () =>
  new ToolError(
    'too_large',
    `A person must read and approve this call, so its arguments may have ${MAX_ARGS_BYTES} bytes at most. Split it into several calls.`,
    { limit: MAX_ARGS_BYTES },
  );

const full = (limit: number, whose: string) =>
  new ToolError(
    'quota_exceeded',
    `${limit} calls ${whose} wait for a person's approval already. Redeem those that are approved, or wait until one is decided.`,
    { limit, retry_after_ms: RETRY_FULL_MS },
  );
