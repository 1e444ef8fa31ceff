import type { CallRecord } from './record.ts';
import { runKeyOf } from './runs.ts';

/** Refusals that are alike within this time become one record. */
export const COALESCE_MS = 500;
/** Kinds of refusal that are counted apart; all others together. */
export const MAX_REFUSAL_KINDS = 64;

const OTHER = 'other';

interface Repeats {
  /** The beginning of the time in which repeats are counted. */
  since: number;
  /** The newest repeat, with the number of all. */
  last: CallRecord | undefined;
}

/**
 * Coalesces refusals, so that a runaway client writes about two records a second: the first refusal of a kind is recorded
 * at once, and its repeats within half a second become one record that is dated at the end of that time.
 *
 * Refusals are alike if they agree in code, tool, token and run.
 */
export class RefusalCounter {
  readonly #kinds = new Map<string, Repeats>();

  get isPending(): boolean {
    return this.#kinds.size > 0;
  }

  /** @returns the record to write now, if the refusal is the first of its kind */
  count(record: CallRecord): CallRecord | undefined {
    const kind = JSON.stringify([record.code, record.tool, record.tokenId, runKeyOf(record)]);
    const known = this.#kinds.get(kind);
    if (known !== undefined) return repeat(known, record);
    if (this.#kinds.size < MAX_REFUSAL_KINDS) {
      this.#kinds.set(kind, { since: record.at, last: undefined });
      return record;
    }
    const rest = this.#kinds.get(OTHER) ?? { since: record.at, last: undefined };
    this.#kinds.set(OTHER, rest);
    return repeat(rest, { ...record, tool: OTHER, code: OTHER, tokenId: OTHER, args: null });
  }

  /** The repeats whose time is over, as records. */
  due(now: number): CallRecord[] {
    const due: CallRecord[] = [];
    for (const [kind, repeats] of this.#kinds) {
      const { since, last } = repeats;
      // A clock that has stepped back ends the time as well.
      if (now - since < COALESCE_MS && now >= since) continue;
      if (last === undefined) this.#kinds.delete(kind);
      else due.push({ ...last, at: now, tookMs: Math.max(0, now - since) });
      repeats.since = now;
      repeats.last = undefined;
    }
    return due;
  }

  /** Forgets what was counted, because its tenant was erased. */
  clear(): void {
    this.#kinds.clear();
  }
}

function repeat(repeats: Repeats, record: CallRecord): undefined {
  const { times, work, bytesIn } = repeats.last ?? { times: 0, work: 0, bytesIn: 0 };
  repeats.last = {
    ...record,
    times: times + record.times,
    work: work + record.work,
    bytesIn: bytesIn + record.bytesIn,
  };
}
