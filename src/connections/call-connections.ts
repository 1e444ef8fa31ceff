import type { TraceContext } from '../telemetry/trace.ts';
import type { ConnectionGrant, ConnectionUse } from '../tenant/contract/connection.ts';
import type { ConnectionKinds, DeclaredConnections } from '../tools/connection.ts';
import { type DestinationPolicy, parseDestination } from './http/destination.ts';
import { notOpened, notSetUp, unavailable } from './http/faults.ts';
import { BoundHttpConnection } from './http/http-connection.ts';
import type { HttpPlatform } from './http/platform.ts';
import { type ConnectionKey, openSecret } from './seal.ts';

/** What a deployment needs to open the connections of its tenants. */
export interface ConnectionAccess {
  readonly keys: readonly ConnectionKey[];
  readonly policy: DestinationPolicy;
  readonly platform: HttpPlatform;
}

/** The call that connections are opened for. */
export interface UsingCall {
  /** The tenant of the verified token. */
  readonly tenant: string;
  readonly signal: AbortSignal;
  readonly trace: TraceContext;
}

/** The connections of one call, which are opened when they are used. */
export class CallConnections {
  readonly #access: ConnectionAccess;
  readonly #call: UsingCall;
  readonly #grants: ReadonlyMap<string, ConnectionGrant>;
  readonly #opened = new Map<string, BoundHttpConnection>();

  constructor(access: ConnectionAccess, call: UsingCall, grants: readonly ConnectionGrant[]) {
    this.#access = access;
    this.#call = call;
    this.#grants = new Map(grants.map((grant) => [grant.name, grant]));
  }

  /**
   * The connection of this name.
   * @param declared what the tool has declared
   * @throws ToolError when the tenant has no such connection
   */
  get(name: string, declared: DeclaredConnections): ConnectionKinds[keyof ConnectionKinds] {
    const kind = Object.hasOwn(declared, name) ? declared[name] : undefined;
    if (kind === undefined) throw new Error(`the tool does not declare the connection ${name}`);
    const grant = this.#grants.get(name);
    if (grant === undefined || grant.target.kind !== kind) throw notSetUp(name);
    const opened = this.#opened.get(name) ?? this.#open(grant);
    this.#opened.set(name, opened);
    return opened;
  }

  /** What became of the requests through each connection that was granted. */
  uses(): ConnectionUse[] {
    return [...this.#opened.values()].map(({ use }) => use);
  }

  #open(grant: ConnectionGrant): BoundHttpConnection {
    const { signal, trace } = this.#call;
    const { name, target } = grant;
    let secret: Promise<string> | undefined;
    return new BoundHttpConnection({
      name,
      target,
      platform: this.#access.platform,
      signal,
      traceparent: `00-${trace.traceId}-${trace.spanId}-01`,
      secret: () => {
        secret ??= this.#secretOf(grant);
        return secret;
      },
    });
  }

  async #secretOf({ name, target, secret, instance, gate }: ConnectionGrant): Promise<string> {
    if (!gate.admits)
      throw unavailable(
        name,
        gate.reason === 'busy' ? 'is used by as many calls as may use it at once' : 'has failed too often',
        gate.retryAfterMs,
      );
    // Checked again: a setting may have changed since the connection was made.
    if (!parseDestination(target.url, target.internal, this.#access.policy).ok) throw notOpened(name);
    if (secret.form === 'plain') return secret.value;
    const owner = { tenant: this.#call.tenant, instance, name, target };
    const opened = await openSecret(this.#access.keys, owner, secret);
    if (opened === undefined) throw notOpened(name);
    return opened;
  }
}
