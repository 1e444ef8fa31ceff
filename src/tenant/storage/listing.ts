import type { TenantId } from '../contract/call.ts';
import type { TenantStatus } from './profile.ts';

/** What a tenant reports of itself to the operator's list of tenants. */
export interface TenantListing {
  readonly id: TenantId;
  readonly status: TenantStatus;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Which creation of the tenant it is. A later creation has a higher generation. */
  readonly generation: number;
  /** The accounts under which its members sign in, so that a sign-in knows which tenants to ask. */
  readonly identities: readonly string[];
}

/**
 * The operator's list of tenants, as one tenant reaches it. Every change of a tenant's row is sent by the tenant itself,
 * one after the other; the generation guards against messages that arrive late. Every method may throw or never answer.
 */
export interface TenantList {
  /** A generation that is higher than all before it. */
  nextGeneration(now: number): Promise<number>;
  /** Lists a tenant or updates its row. `stale`: the list knows a newer generation, or has seen this one erased. */
  register(listing: TenantListing, now: number): Promise<'listed' | 'stale'>;
  /**
   * Removes the row of an erased tenant unless it is of a newer generation.
   * @param generation undefined if the erased tenant could not be read: whatever row there is
   * @returns whether there was a row
   */
  remove(id: TenantId, generation: number | undefined, now: number): Promise<boolean>;
}
