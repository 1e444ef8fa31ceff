import type { CallQuotas } from '../contract/limit-settings.ts';
import { DAY_MS, type Days, daysOf, PERIODS, type Period } from '../contract/period.ts';

/** What was used of one period. */
export interface PeriodUse {
  readonly period: Period;
  /** Calls that were charged in it. */
  readonly used: number;
  /** The most that may be; undefined when there is no quota for the period. */
  readonly quota: number | undefined;
  /** When the next period begins, in milliseconds since the epoch. */
  readonly resetsAt: number;
}

/** A quota of calls that is used up. */
export interface UsedUp {
  readonly scope: Period;
  readonly retryAfterMs: number;
  readonly quota: number;
  readonly resetsAt: number;
}

interface Counted extends Days {
  used: number;
}

/**
 * The quotas of calls of one tenant, for each day and month in UTC.
 *
 * Guarantees: a call counts when it is charged, against the day and month of that moment, so a clock that steps back or
 * forward counts on where that day and month were left. A free call neither counts nor is refused.
 * Failure: after a host was killed, the reads of its last half second are not counted.
 */
export class CallQuota {
  readonly #quotas: CallQuotas;
  readonly #chargedOn: (days: Days) => number;
  readonly #counted = new Map<Period, Counted>();

  /** @param chargedOn counts the calls that were charged on these days until now */
  constructor(quotas: CallQuotas, chargedOn: (days: Days) => number) {
    this.#quotas = quotas;
    this.#chargedOn = chargedOn;
  }

  /** The quota that refuses a call now: of two, the one that resets later. */
  usedUp(now: number): UsedUp | undefined {
    const reached = PERIODS.flatMap((period) => {
      const quota = this.#quotas[period];
      if (quota === undefined || this.#at(period, now).used < quota) return [];
      const resetsAt = this.#at(period, now).end * DAY_MS;
      return [{ scope: period, retryAfterMs: resetsAt - now, quota, resetsAt }];
    });
    return reached.at(-1);
  }

  /** Counts a call that was charged. */
  count(now: number): void {
    // Without a quota nothing is counted here: the usage of the day has the number.
    for (const period of PERIODS) if (this.#quotas[period] !== undefined) this.#at(period, now).used++;
  }

  status(now: number): PeriodUse[] {
    return PERIODS.map((period) => {
      const days = daysOf(period, now);
      const quota = this.#quotas[period];
      const used = quota === undefined ? this.#chargedOn(days) : this.#at(period, now).used;
      return { period, used, quota, resetsAt: days.end * DAY_MS };
    });
  }

  #at(period: Period, now: number): Counted {
    const days = daysOf(period, now);
    const known = this.#counted.get(period);
    if (known?.start === days.start) return known;
    const counted = { ...days, used: this.#chargedOn(days) };
    this.#counted.set(period, counted);
    return counted;
  }
}
