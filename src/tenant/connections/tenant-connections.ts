import { createHash } from 'node:crypto';
import type { RemoteTool } from '../../tools/remote-tool.ts';
import type { ConnectionGrant, ConnectionUse, StoredConnection } from '../contract/connection.ts';
import type { ConnectionGates } from './gates.ts';
import type { ConnectionRow, ConnectionStore } from './store.ts';

/** Where a host keeps connections that are not in the tenant's database. */
export type KeptConnections = (name: string) => StoredConnection | undefined;

/** A connection that has not failed yet, as far as is known. */
const UNTRIED = { opens: 0, openUntil: 0 };

/** The connections of one tenant as its calls see them. */
export class TenantConnections {
  readonly #store: ConnectionStore;
  readonly #gates: ConnectionGates;
  readonly #instance: string;
  readonly #kept: KeptConnections | undefined;

  /** @param sealKey the key that only this tenant has, and no tenant after it */
  constructor(
    store: ConnectionStore,
    gates: ConnectionGates,
    sealKey: string,
    kept: KeptConnections | undefined,
  ) {
    this.#store = store;
    this.#gates = gates;
    this.#instance = instanceOf(sealKey);
    this.#kept = kept;
  }

  /** The connections that a tool declares and the tenant has, for one call. */
  grant(tool: RemoteTool, slot: string, now: number): ConnectionGrant[] {
    return Object.keys(tool.connections).flatMap((name) => {
      const found = this.#find(name);
      if (found === undefined) return [];
      const { breaker, ...connection } = found;
      return { ...connection, instance: this.#instance, gate: this.#gates.admit(name, slot, breaker, now) };
    });
  }

  /** Takes what became of a call's requests into account, and frees its places. */
  settle(slot: string, uses: readonly ConnectionUse[], now: number): void {
    for (const use of uses) {
      const changed = this.#gates.settle(use, slot, now);
      if (changed !== undefined) this.#store.saveBreaker(use.name, changed);
    }
    this.#gates.release(slot);
  }

  #find(name: string): ConnectionRow | undefined {
    const kept = this.#kept?.(name);
    return kept === undefined ? this.#store.find(name) : { ...kept, breaker: UNTRIED };
  }
}

/** An id of the tenant that is never used again, also not for a tenant of the same name. It does not tell the key. */
export const instanceOf = (sealKey: string) =>
  createHash('sha256').update(`connections of ${sealKey}`).digest('base64url');
