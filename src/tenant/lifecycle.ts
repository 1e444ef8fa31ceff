import { succeed } from '../result.ts';
import { describeCause } from '../telemetry/redact.ts';
import type { Administration } from './administration.ts';
import type { TenantId } from './contract/call.ts';
import type { Host } from './host.ts';
import {
  conflict,
  NO_SUCH_TENANT,
  type Operation,
  TENANT_EXISTS,
  type TenantInfo,
  unavailable,
} from './operation.ts';
import type { TenantList } from './storage/listing.ts';

/** How long the tenant waits for the list of tenants. */
const LIST_MS = 2000;
/** How often a tenant reports itself, at most, when nothing has changed. */
const REPORT_EVERY_MS = 3_000_000;

/** What the lifecycle of a tenant needs of its platform. */
export interface LifecycleParts extends Pick<Host, 'clock' | 'later' | 'log'> {
  readonly list: TenantList;
  readonly administration: Administration;
  /** Whether nothing at all is stored, not even an alarm. */
  isEmpty(): Promise<boolean>;
  /** Erases all that is stored and ends every stream and every waiting call. */
  erase(): Promise<void>;
  /** Makes sure that the tenant's alarm goes off within an hour, or within a minute if it is `urgent`. */
  ensureAlarm(urgent: boolean): Promise<void>;
}

/**
 * Creation, erasure and the tenant's row in the operator's list.
 *
 * Guarantees: these run one after the other, and only the tenant changes its own row. So when all requests have ended, the
 * list has the tenant exactly if the tenant exists, however creations and deletions were mixed.
 * Failure: without the list no tenant is created. Everything else is done, and what the list has missed is reported at
 * the next alarm, or when the request is repeated. No call of a tool comes here.
 */
export class Lifecycle {
  readonly #parts: LifecycleParts;
  #last: Promise<unknown> = Promise.resolve();
  #reportedAt: number | undefined;

  constructor(parts: LifecycleParts) {
    this.#parts = parts;
  }

  create(id: TenantId): Promise<Operation<TenantInfo>> {
    return this.#oneByOne(async () => {
      const { administration, list, clock } = this.#parts;
      const known = administration.listing();
      if (known.ok) {
        // An interrupted creation may have left the tenant without an alarm or without its row.
        await this.#report();
        return TENANT_EXISTS;
      }
      if (known.error.reason === 'unavailable') return EXISTS_BROKEN;
      const generation = await this.#ask(() => list.nextGeneration(clock()));
      if (generation === undefined) return NOT_CREATED;
      // First the alarm: it reports the tenant if this run ends before it has done so.
      await this.#parts.ensureAlarm(true);
      const created = administration.create(id, generation);
      if (!created.ok) return created;
      await this.#report();
      return administration.describe();
    });
  }

  /** Erases the tenant, also one whose storage cannot be read, and removes its row. */
  erase(id: TenantId): Promise<Operation<{ id: TenantId }>> {
    return this.#oneByOne(async () => {
      const { administration, list, clock } = this.#parts;
      const known = administration.listing();
      const generation = known.ok ? known.value.generation : undefined;
      const isEmpty = await this.#parts.isEmpty();
      if (!isEmpty) await this.#parts.erase();
      const removed = await this.#ask(() => list.remove(id, generation, clock()));
      if (removed === undefined) return isEmpty ? LIST_UNKNOWN : ERASED_BUT_LISTED;
      return isEmpty && !removed ? NO_SUCH_TENANT : succeed({ id });
    });
  }

  /** Reports the tenant to the list. Does nothing for a tenant that does not exist, and never throws. */
  report(): Promise<void> {
    return this.#oneByOne(() => this.#report());
  }

  /** Reports the tenant unless it was reported lately. */
  async reportIfDue(): Promise<void> {
    const { clock } = this.#parts;
    const isDue = this.#reportedAt === undefined || Math.abs(clock() - this.#reportedAt) >= REPORT_EVERY_MS;
    if (isDue) await this.report();
  }

  async #report(): Promise<void> {
    const { administration, list, clock, ensureAlarm } = this.#parts;
    const listing = administration.listing();
    if (!listing.ok) return;
    const answer = await this.#ask(async () => {
      if ((await list.register(listing.value, clock())) === 'listed') return true;
      // The list has seen this generation erased, and yet the tenant exists: it takes a newer one.
      administration.setGeneration(await list.nextGeneration(clock()));
      const renewed = administration.listing();
      return renewed.ok && (await list.register(renewed.value, clock())) === 'listed';
    });
    this.#reportedAt = answer === true ? clock() : undefined;
    await ensureAlarm(answer !== true);
  }

  /** What the list answers; undefined when it fails or does not answer in time. */
  async #ask<T>(question: () => Promise<T>): Promise<T | undefined> {
    const { later, log } = this.#parts;
    let stop = () => {};
    const late = new Promise<never>((_, reject) => {
      stop = later(LIST_MS, () => reject(new Error(`no answer within ${LIST_MS} ms`)));
    });
    try {
      return await Promise.race([question(), late]);
    } catch (cause) {
      log({ level: 'error', event: 'tenant.list_failed', cause: describeCause(cause, undefined, {}) });
      return undefined;
    } finally {
      stop();
    }
  }

  #oneByOne<T>(act: () => Promise<T>): Promise<T> {
    const next = this.#last.then(act, act);
    this.#last = next.catch(() => {});
    return next;
  }
}

const SEE_HEALTH = 'GET /health?deep says what is broken.';
const EXISTS_BROKEN = conflict(
  'The tenant exists, but its storage cannot be loaded. Delete it, then create it again.',
);
const NOT_CREATED = unavailable(
  `The list of tenants does not answer, so no tenant can be created. Repeat the request when it does; ${SEE_HEALTH}`,
);
const LIST_UNKNOWN = unavailable(
  `Nothing is stored for this tenant, but the list of tenants does not answer. Repeat the deletion when it does; ${SEE_HEALTH}`,
);
const ERASED_BUT_LISTED = unavailable(
  `The tenant is erased, but the list of tenants does not answer and may still show it. Repeat the deletion when it does; ${SEE_HEALTH}`,
);
