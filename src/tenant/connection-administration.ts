import { randomUUID } from 'node:crypto';
import { succeed } from '../result.ts';
import type { Administered } from './administration.ts';
import type { ConnectionGates } from './connections/gates.ts';
import type { ConnectionStore } from './connections/store.ts';
import { instanceOf } from './connections/tenant-connections.ts';
import type { TokenLease, TokenSettlement } from './contract/access-token.ts';
import type {
  ConnectionInfo,
  HttpTarget,
  NewConnection,
  SealedSecret,
  StoredConnection,
} from './contract/connection.ts';
import { conflict, full, NO_SUCH_TENANT, notFound, type Operation, UNAVAILABLE } from './operation.ts';

const NO_SUCH_CONNECTION = notFound('The tenant has no such connection.');

/** The stored connections of a tenant, and whose they are. */
export interface StoredConnections {
  readonly instance: string;
  readonly connections: readonly StoredConnection[];
}

/**
 * The connections of one tenant for those who manage them. Secrets arrive encrypted and leave encrypted: the keys are at
 * the edge.
 */
export class ConnectionAdministration {
  readonly #tenant: Administered;
  readonly #gates: ConnectionGates;

  constructor(tenant: Administered, gates: ConnectionGates) {
    this.#tenant = tenant;
    this.#gates = gates;
  }

  list(): Operation<ConnectionInfo[]> {
    return this.#operate((store, _instance, now) => succeed(store.list(now)));
  }

  /** What is stored, to be used, tested or encrypted with another key. */
  stored(): Operation<StoredConnections> {
    return this.#operate((store, instance) =>
      succeed({ instance, connections: store.all().map(({ breaker: _, ...connection }) => connection) }),
    );
  }

  /**
   * Creates or replaces a connection.
   * @param connection a secret is encrypted for `instance`, which must still be this tenant
   */
  set(connection: NewConnection): Operation<ConnectionInfo> {
    return this.#operate((store, instance, now) => {
      const isSealed = 'secret' in connection;
      if (isSealed && instance !== connection.instance)
        return conflict('The tenant was replaced meanwhile. Repeat the request.');
      const stored = store.set(connection, isSealed ? connection.secret : undefined, now);
      if (stored === undefined) return full('The tenant has as many connections as it can have. Remove one.');
      this.#gates.reset(connection.name);
      return succeed(stored);
    });
  }

  /** Replaces the secret of a connection that leads to `target`. */
  rotate(name: string, target: HttpTarget, secret: SealedSecret): Operation<ConnectionInfo> {
    return this.#operate((store, _instance, now) => {
      const found = store.find(name);
      if (found === undefined) return NO_SUCH_CONNECTION;
      if (JSON.stringify(found.target) !== JSON.stringify(target))
        return conflict('The connection was changed meanwhile. Repeat the request.');
      const stored = store.set({ name, target }, secret, now);
      this.#gates.reset(name);
      return stored === undefined ? NO_SUCH_CONNECTION : succeed(stored);
    });
  }

  /** Stores the encrypted form of a secret under another key. @returns false if the secret was changed meanwhile */
  rewrap(name: string, before: SealedSecret, after: SealedSecret): Operation<boolean> {
    return this.#operate((store) => succeed(store.replaceSecret(name, before, after)));
  }

  /**
   * Gives a call the access token of a connection, or the right to renew it.
   * @param not the id of a token that the service has refused
   */
  requestToken(name: string, not: string | undefined): Operation<TokenLease> {
    return this.#operate((store, _instance, now) =>
      succeed(store.requestToken(name, { not, now, newId: randomUUID() })),
    );
  }

  /** Takes how a renewal ended. @returns false if its result came too late, or the connection was changed meanwhile */
  settleToken(name: string, settlement: TokenSettlement): Operation<boolean> {
    return this.#operate((store, _instance, now) => succeed(store.settleToken(name, settlement, now)));
  }

  remove(name: string): Operation<ConnectionInfo> {
    return this.#operate((store, _instance, now) => {
      const removed = store.remove(name, now);
      this.#gates.reset(name);
      return removed === undefined ? NO_SUCH_CONNECTION : succeed(removed);
    });
  }

  #operate<T>(act: (store: ConnectionStore, instance: string, now: number) => Operation<T>): Operation<T> {
    const { host } = this.#tenant;
    return host.exclusively(() => {
      const loaded = this.#tenant.requireLoaded();
      if (!loaded.ok) return loaded.error.reason === 'unavailable' ? UNAVAILABLE : NO_SUCH_TENANT;
      const { connections, profile } = loaded.value;
      return act(connections, instanceOf(profile.sealKey), host.clock());
    });
  }
}
