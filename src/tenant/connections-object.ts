import type { ConnectionAdministration, StoredConnections } from './connection-administration.ts';
import type { TokenLease, TokenSettlement } from './contract/access-token.ts';
import type { ConnectionInfo, HttpTarget, NewConnection, SealedSecret } from './contract/connection.ts';
import type { Operation } from './operation.ts';
import { RecordsObject } from './records-object.ts';

type Parts = ConstructorParameters<typeof RecordsObject>[2] & {
  readonly connections: () => ConnectionAdministration;
};

/** The part of the tenant's Durable Object that keeps its connections. See `ConnectionAdministration` for each method. */
export class ConnectionsObject extends RecordsObject {
  readonly #connections: () => ConnectionAdministration;

  constructor(ctx: DurableObjectState, env: Env, { connections, ...parts }: Parts) {
    super(ctx, env, parts);
    this.#connections = connections;
  }

  connections(): Operation<ConnectionInfo[]> {
    return this.#connections().list();
  }

  storedConnections(): Operation<StoredConnections> {
    return this.#connections().stored();
  }

  setConnection(connection: NewConnection): Operation<ConnectionInfo> {
    return this.#connections().set(connection);
  }

  rotateConnection(name: string, target: HttpTarget, secret: SealedSecret): Operation<ConnectionInfo> {
    return this.#connections().rotate(name, target, secret);
  }

  rewrapConnection(name: string, before: SealedSecret, after: SealedSecret): Operation<boolean> {
    return this.#connections().rewrap(name, before, after);
  }

  requestConnectionToken(name: string, not: string | undefined): Operation<TokenLease> {
    return this.#connections().requestToken(name, not);
  }

  settleConnectionToken(name: string, settlement: TokenSettlement): Operation<boolean> {
    return this.#connections().settleToken(name, settlement);
  }

  removeConnection(name: string): Operation<ConnectionInfo> {
    return this.#connections().remove(name);
  }
}
