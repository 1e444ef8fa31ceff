import type { Log, LogRecord } from './log.ts';

/** Repeats of a refusal within this time become one line. */
export const COALESCE_MS = 1000;
/** Kinds of refusal whose repeats are counted at once. */
export const MAX_KINDS = 512;

interface Repeats {
  /** When the first one was written, in milliseconds since the epoch. */
  readonly since: number;
  /** The newest repeat; undefined until there is one. */
  last: LogRecord | undefined;
  count: number;
}

/**
 * A log in which a client that is refused thousands of times a second does not write as many lines: the first refusal is
 * written at once, and its repeats within a second become one line with `times`, the number of them.
 *
 * So are failures to load or to reach a tenant, of the same cause. Two refusals are repeats if they agree in event, tenant, token, tool, code, status and client of the sign-in. Everything else is written at
 * once. A count is written with the first record after its second, or by `flush`, which the host must call some time
 * after `isPending` was true.
 * Memory: at most 512 counts; with more kinds of refusal than that, the oldest count is written early.
 */
export class CoalescingLog {
  readonly #log: Log;
  readonly #clock: () => number;
  readonly #kinds = new Map<string, Repeats>();
  #pending = 0;

  constructor(log: Log, clock: () => number) {
    this.#log = log;
    this.#clock = clock;
  }

  /** Whether there are counts that are not written yet. */
  get isPending(): boolean {
    return this.#pending > 0;
  }

  readonly log: Log = (record) => {
    this.flush();
    const kind = kindOf(record);
    if (kind === undefined) return this.#log(record);
    const repeats = this.#kinds.get(kind);
    if (repeats === undefined) {
      const [oldest] = this.#kinds;
      if (this.#kinds.size >= MAX_KINDS && oldest !== undefined) this.#write(...oldest);
      this.#kinds.set(kind, { since: this.#clock(), last: undefined, count: 0 });
      return this.#log(record);
    }
    if (repeats.last === undefined) this.#pending++;
    repeats.last = record;
    repeats.count++;
  };

  /** Writes the counts whose time is over. */
  flush(): void {
    if (this.#kinds.size === 0) return;
    const now = this.#clock();
    for (const [kind, repeats] of this.#kinds) {
      // A clock that has stepped back ends the time as well.
      const isOver = now - repeats.since >= COALESCE_MS || now < repeats.since;
      if (!isOver) return;
      this.#write(kind, repeats);
    }
  }

  #write(kind: string, { last, count }: Repeats): void {
    this.#kinds.delete(kind);
    if (last === undefined) return;
    this.#pending--;
    this.#log({ ...last, times: count });
  }
}

/** What a refusal has in common with its repeats; undefined for any other record. */
function kindOf({
  event,
  outcome,
  code,
  tenant,
  token_id,
  tool,
  http_status,
  client,
  scope,
  error_id,
  cause,
}: LogRecord): string | undefined {
  // A quota of calls names its period; that of the storage refuses calls which were charged.
  const isOverQuota = code === 'quota_exceeded' && scope !== undefined;
  const isRefusal =
    event === 'request.refused' ||
    event === 'oauth.refused' ||
    (event === 'tool.call' && (outcome === 'refused' || code === 'rate_limited' || isOverQuota));
  // A tenant that cannot be loaded or reached fails each call in the same way. An id must be found in the log.
  const isOutage = event === 'tenant.migration_failed' || (event === 'edge.error' && error_id === undefined);
  if (isOutage) return JSON.stringify([event, tenant, token_id, code, cause?.message]);
  return isRefusal ? JSON.stringify([event, tenant, token_id, tool, code, http_status, client]) : undefined;
}

/** The log of a host that has timers: they write the counts. */
export function coalescingLog(
  log: Log,
  clock: () => number,
  later: (ms: number, task: () => void) => unknown,
): Log {
  const refusals = new CoalescingLog(log, clock);
  let isScheduled = false;
  const schedule = () => {
    if (isScheduled || !refusals.isPending) return;
    isScheduled = true;
    later(COALESCE_MS, () => {
      isScheduled = false;
      refusals.flush();
      schedule();
    });
  };
  return (record) => {
    refusals.log(record);
    schedule();
  };
}
