import type { OpenSql } from '../postgres/session.ts';
import type { TraceContext } from '../telemetry/trace.ts';
import {
  type ConnectionGrant,
  type ConnectionUse,
  type Gate,
  hasSecret,
  type StoredHttpConnection,
  type StoredPostgresConnection,
} from '../tenant/contract/connection.ts';
import type { ConnectionKinds, DeclaredConnections } from '../tools/connection.ts';
import { type DestinationPolicy, parseDestination } from './http/destination.ts';
import { notDeclared, notOpened, notSetUp, unavailable } from './http/faults.ts';
import { BoundHttpConnection } from './http/http-connection.ts';
import type { HttpPlatform } from './http/platform.ts';
import { type ConnectionKey, openSecret } from './seal.ts';

/** What a deployment needs to open the connections of its tenants. */
export interface ConnectionAccess {
  readonly keys: readonly ConnectionKey[];
  readonly policy: DestinationPolicy;
  readonly platform: HttpPlatform;
  /** A database of the deployment by its name. */
  readonly database: (name: string) => OpenSql | undefined;
}

/** The call that connections are opened for. */
export interface UsingCall {
  /** The tenant of the verified token. */
  readonly tenant: string;
  readonly signal: AbortSignal;
  readonly trace: TraceContext;
  /** Whether the tool declares that it writes. */
  readonly writes: boolean;
  /** When the call was admitted, in milliseconds. */
  readonly now: number;
}

type Granted<Connection> = Connection & Pick<ConnectionGrant, 'instance' | 'gate'>;

/** A connection that the call uses. */
interface Opened {
  readonly given: ConnectionKinds[keyof ConnectionKinds];
  use(): ConnectionUse;
  close(): Promise<void>;
}

/** The connections of one call, which are opened when they are used. */
export class CallConnections {
  readonly #access: ConnectionAccess;
  readonly #call: UsingCall;
  readonly #grants: ReadonlyMap<string, ConnectionGrant>;
  readonly #opened = new Map<string, Opened>();

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
  get<Declared extends DeclaredConnections, Name extends keyof Declared & string>(
    name: Name,
    declared: Declared,
  ): ConnectionKinds[Declared[Name]] {
    const kind = Object.hasOwn(declared, name) ? declared[name] : undefined;
    if (kind === undefined) throw new Error(`the tool does not declare the connection ${name}`);
    const grant = this.#grants.get(name);
    if (grant === undefined || grant.target.kind !== kind) throw notSetUp(name);
    const opened =
      this.#opened.get(name) ?? (hasSecret(grant) ? this.#openHttp(grant) : this.#openPostgres(grant));
    this.#opened.set(name, opened);
    // The kind that is granted is the one that is declared.
    return opened.given as ConnectionKinds[Declared[Name]];
  }

  /** What became of the requests through each connection that was granted. */
  uses(): ConnectionUse[] {
    return [...this.#opened.values()].map((opened) => opened.use());
  }

  /** Closes what is still open when the call has ended. */
  async close(): Promise<void> {
    await Promise.all([...this.#opened.values()].map((opened) => opened.close()));
  }

  #openPostgres({ name, target, gate }: Granted<StoredPostgresConnection>): Opened {
    requireGate(name, gate);
    const open = this.#access.database(target.database);
    if (open === undefined) throw notDeclared(name);
    const { tenant, signal, writes, now } = this.#call;
    const { sql, outcomes, close } = open({ tenant, signal, writes, now });
    return { given: { sql }, use: () => ({ name, ...outcomes() }), close };
  }

  #openHttp(grant: Granted<StoredHttpConnection>): Opened {
    const { signal, trace } = this.#call;
    const { name, target } = grant;
    let secret: Promise<string> | undefined;
    const bound = new BoundHttpConnection({
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
    return { given: bound, use: () => bound.use, close: async () => {} };
  }

  async #secretOf(grant: Granted<StoredHttpConnection>): Promise<string> {
    const { name, target, secret, instance, gate } = grant;
    requireGate(name, gate);
    // Checked again: a setting may have changed since the connection was made.
    if (!parseDestination(target.url, target.internal, this.#access.policy).ok) throw notOpened(name);
    if (secret.form === 'plain') return secret.value;
    const owner = { tenant: this.#call.tenant, instance, name, target };
    const opened = await openSecret(this.#access.keys, owner, secret);
    if (opened === undefined) throw notOpened(name);
    return opened;
  }
}

/** @throws ToolError when as many calls as may use the connection do, or when it has failed too often */
function requireGate(name: string, gate: Gate): void {
  if (gate.admits) return;
  const why =
    gate.reason === 'busy' ? 'is used by as many calls as may use it at once' : 'has failed too often';
  throw unavailable(name, why, gate.retryAfterMs);
}
