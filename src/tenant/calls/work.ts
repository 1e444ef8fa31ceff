import { ToolError } from '../../tools/errors.ts';
import type { Sql, SqlRow, SqlValue } from '../../tools/tool.ts';

/** How much work one call may do, and what it costs beyond its fixed price. Sizes are in UTF-16 units of text. */

const KIB = 1024;
const MIB = 1024 * KIB;

/** Work that the fixed price of a call includes: a value of 4 KiB is written to its cell, its history and its index. */
export const INCLUDED_WORK = 32 * KIB;
/** Work beyond that costs one token for each 16 KiB. */
export const WORK_PER_TOKEN = 16 * KIB;
/** Arguments beyond this are charged before the call runs, at the same price: a value of 4 KiB with its key and tags is below it. */
export const INCLUDED_ARGS = 8 * KIB;

/** What one call may read from the storage. */
export const MAX_READ = 5 * MIB;
/** What one call may write to it: this, and four times its arguments, because a value is also stored in its history. */
export const MAX_WRITTEN = 3 * MIB;
const WRITTEN_PER_ARGS = 4;

const tokensFor = (work: number, included: number) =>
  Math.max(0, Math.ceil((work - included) / WORK_PER_TOKEN));

/** The tokens that arguments of this size cost beyond the fixed price of the call. */
export const tokensForArgs = (size: number) => tokensFor(size, INCLUDED_ARGS);

/** The price that is known before a call runs: its fixed part, and the size of its arguments. A free tool stays free. */
export const priceOf = ({ cost }: { readonly cost: number }, argsSize: number) =>
  cost === 0 ? 0 : cost + tokensForArgs(argsSize);

/**
 * Measures what one call reads from and writes to the storage, and ends a call that does too much.
 *
 * Every text that crosses the database port is counted, so a tool cannot do work that is not measured.
 */
export class WorkMeter {
  readonly #maxWritten: number;
  readonly #argsSize: number;
  #read = 0;
  #written = 0;
  #charged = 0;

  /** @param argsSize the size of the call's arguments */
  constructor(argsSize: number) {
    this.#argsSize = argsSize;
    this.#charged = tokensForArgs(argsSize);
    this.#maxWritten = MAX_WRITTEN + WRITTEN_PER_ARGS * argsSize;
  }

  /** The tokens that the measured work and an answer of this size cost beyond what was charged before. */
  settle(answerSize: number): number {
    const work = this.#argsSize + this.#read + this.#written + answerSize;
    const tokens = Math.max(0, tokensFor(work, INCLUDED_WORK) - this.#charged);
    this.#charged += tokens;
    return tokens;
  }

  /** @throws ToolError `too_large` if writing so much more, in UTF-16 units, would end the call */
  requireWritable(chars: number): void {
    if (this.#written + chars > this.#maxWritten) throw tooMuch('write', this.#maxWritten);
  }

  /** @throws ToolError `too_large` if reading so many more bytes would end the call */
  requireReadable(bytes: number): void {
    if (this.#read + bytes > MAX_READ) throw tooMuch('read', MAX_READ);
  }

  /** The same database, measured. */
  measured(sql: Sql): Sql {
    return {
      exec: <Row extends SqlRow>(query: string, ...bindings: SqlValue[]): Row[] => {
        for (const value of bindings) if (typeof value === 'string') this.#written += value.length;
        this.requireWritable(0);
        const rows = sql.exec<Row>(query, ...bindings);
        for (const row of rows) this.#read += sizeOfRow(row);
        this.requireReadable(0);
        return rows;
      },
    };
  }
}

function sizeOfRow(row: SqlRow): number {
  let size = 0;
  for (const name in row) {
    const value = row[name];
    size += typeof value === 'string' ? value.length : 1;
  }
  return size;
}

function tooMuch(what: 'read' | 'write', limit: number): ToolError {
  const message = `This call would ${what} more than ${limit} bytes in all. Split it into several calls.`;
  return new ToolError('too_large', message, { limit });
}
