import type { OpenSql } from '../postgres/session.ts';
import type { TraceContext } from '../telemetry/trace.ts';
import {
  type ConnectionGrant,
  type ConnectionUse,
  type Gate,
  hasSecret,
  type StoredHttpConnection,
  type StoredPostgresConnection,
  type StoredSecret,
} from '../tenant/contract/connection.ts';
import type { ConnectionKinds, DeclaredConnections } from '../tools/connection.ts';
import type { ToolError } from '../tools/errors.ts';
import { type DestinationPolicy, endpointProblem, parseDestination } from './http/destination.ts';
import { noKeys, notDeclared, notOpened, notSetUp, unavailable } from './http/faults.ts';
import { BoundHttpConnection } from './http/http-connection.ts';
import type { HttpPlatform } from './http/platform.ts';
import { AccessTokenSource, type AccessTokens } from './oauth/access-token.ts';
import { type ConnectionKey, openSecret, type Sealable, sealSecret } from './seal.ts';

/** What a deployment has to open the connections of its tenants. */
export interface ConnectionSettings {
  readonly keys: readonly ConnectionKey[];
  readonly policy: DestinationPolicy;
  readonly platform: HttpPlatform;
  /** A database of the deployment by its name. */
  readonly database: (name: string) => OpenSql | undefined;
}

/** What opens the connections of one tenant. */
export interface ConnectionAccess extends ConnectionSettings {
  readonly tokens: AccessTokens;
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
    const source = this.#tokenSource(grant);
    let secret: Promise<string> | undefined;
    const bound = new BoundHttpConnection({
      name,
      target,
      platform: this.#access.platform,
      signal,
      traceparent: `00-${trace.traceId}-${trace.spanId}-01`,
      secret: async () => {
        this.#requireOpen(grant);
        if (source !== undefined) return source.header();
        secret ??= this.#secretOf(grant);
        return secret;
      },
      another: source && ((refused) => source.another(refused)),
    });
    return { given: bound, use: () => withFailures(bound.use, source), close: async () => {} };
  }

  /** @returns undefined for a connection whose secret itself is sent */
  #tokenSource(grant: Granted<StoredHttpConnection>): AccessTokenSource | undefined {
    const { name, target, token } = grant;
    if (target.oauth === undefined) return undefined;
    const { platform, tokens } = this.#access;
    return new AccessTokenSource({
      name,
      client: target.oauth,
      token,
      platform,
      tokens,
      signal: this.#call.signal,
      open: (stored, what) => this.#open(grant, stored, what),
      seal: (text, what, like) => this.#seal(grant, text, what, like),
      notOpened: () => this.#notOpened(name),
    });
  }

  /** @throws ToolError when this call may not use the connection, or it leads where it must not */
  #requireOpen({ name, target, gate }: Granted<StoredHttpConnection>): void {
    requireGate(name, gate);
    const { policy } = this.#access;
    const { url, internal, oauth } = target;
    // Checked again: a setting may have changed since the connection was made.
    const isFit =
      parseDestination(url, internal, policy).ok &&
      (oauth === undefined || endpointProblem(oauth.tokenUrl, internal, policy) === undefined);
    if (!isFit) throw notOpened(name);
  }

  async #secretOf(grant: Granted<StoredHttpConnection>): Promise<string> {
    const opened = await this.#open(grant, grant.secret, 'secret');
    if (opened === undefined) throw this.#notOpened(grant.name);
    return opened;
  }

  #notOpened(name: string): ToolError {
    return this.#access.keys.length === 0 ? noKeys(name) : notOpened(name);
  }

  async #open(
    { name, target, instance }: Granted<StoredHttpConnection>,
    stored: StoredSecret,
    what: Sealable,
  ): Promise<string | undefined> {
    if (stored.form === 'plain') return stored.value;
    return openSecret(this.#access.keys, { tenant: this.#call.tenant, instance, name, target }, stored, what);
  }

  async #seal(
    { name, target, instance }: Granted<StoredHttpConnection>,
    text: string,
    what: Sealable,
    like: StoredSecret,
  ): Promise<StoredSecret> {
    if (like.form === 'plain') return { form: 'plain', value: text };
    const [key] = this.#access.keys;
    // The secret has just been opened with a key.
    if (key === undefined) throw notOpened(name);
    const owner = { tenant: this.#call.tenant, instance, name, target };
    return { form: 'sealed', ...(await sealSecret(key, owner, text, what)) };
  }
}

/** A token endpoint that fails is a part of the service that fails. */
function withFailures(use: ConnectionUse, source: AccessTokenSource | undefined): ConnectionUse {
  return source === undefined ? use : { ...use, failed: use.failed + source.failures };
}

/** @throws ToolError when as many calls as may use the connection do, or when it has failed too often */
function requireGate(name: string, gate: Gate): void {
  if (gate.admits) return;
  const why =
    gate.reason === 'busy' ? 'is used by as many calls as may use it at once' : 'has failed too often';
  throw unavailable(name, why, gate.retryAfterMs);
}
