/**
 * The outcome of an operation that may be refused. Refusals are values rather than exceptions, because an error that is
 * thrown across an RPC boundary of Workers loses its class.
 *
 * @example
 * ```ts
 * import { type Result, succeed, fail } from './result.ts';
 *
 * function half(n: number): Result<number, string> {
 *   return n % 2 === 0 ? succeed(n / 2) : fail(`${n} is odd`);
 * }
 * const result = half(4);
 * console.log(result.ok ? result.value : result.error);
 * ```
 */
export type Result<Value, Failure> = { ok: true; value: Value } | { ok: false; error: Failure };

export const succeed = <Value>(value: Value): { ok: true; value: Value } => ({ ok: true, value });
export const fail = <Failure>(error: Failure): { ok: false; error: Failure } => ({ ok: false, error });
