import { fail, type Result, succeed } from '../result.ts';
import type { Scope } from '../tools/tool.ts';
import { RESOURCE_TOOL } from '../transport-tools/covered-by.ts';
import type { Administered } from './administration.ts';
import type { Waiting } from './calls/ending.ts';
import type {
  Admission,
  CallOutcome,
  CallRequest,
  ClientMessage,
  Refusal,
  SessionId,
  StreamFailure,
  TokenId,
} from './contract/call.ts';
import type { Listener, StreamPurpose, StreamState } from './streams/stream.ts';
import type { StreamRequest } from './streams/stream-protocol.ts';

/** A stream that the tenant has admitted. */
export interface AdmittedStream {
  readonly state: StreamState;
  readonly scopes: readonly Scope[];
  /** When the token or grant ends, in milliseconds since the epoch. */
  readonly expiresAt: number;
  /** The tools that the token is held to; undefined for all that its scopes allow. */
  readonly tools: readonly string[] | undefined;
  /** Whether calls of some tools are held until a person approves them. */
  readonly holdsCalls: boolean;
}

type Parts = Pick<Administered, 'host' | 'listeners' | 'requireLoaded'> & {
  admit(tokenId: TokenId, session: SessionId): Result<Admission, Refusal>;
  call(request: CallRequest): CallOutcome | Waiting;
  cancel(cancelKey: string): void;
};

/** The streams of one tenant: which are admitted, what they are sent first, and what their clients send. */
export class TenantStreams {
  readonly #tenant: Parts;

  constructor(tenant: Parts) {
    this.#tenant = tenant;
  }

  /**
   * Admits a stream. The call in `opening`, if there is one, must be answered first; its failure is logged as a call.
   * @returns the state to keep with the stream's socket, for `attach`
   */
  open({ tokenId, session, purpose, opening }: StreamRequest): Result<AdmittedStream, StreamFailure> {
    const opened = opening === undefined ? undefined : this.#tenant.call(opening);
    if (opened?.kind === 'waiting') throw new Error('a stream was opened by a call that waits');
    if (opened?.kind === 'deferred') throw new Error('a stream was opened by a remote tool');
    if (opened !== undefined && opened.kind !== 'answer') return fail(opened);
    const registered = this.register(tokenId, session, purpose);
    return registered.ok ? registered : fail({ kind: 'refused', refusal: registered.error });
  }

  /** Admits a stream of an open session. */
  register(tokenId: TokenId, session: SessionId, purpose: StreamPurpose): Result<AdmittedStream, Refusal> {
    return this.#tenant.host.exclusively(() => {
      const loaded = this.#tenant.requireLoaded();
      if (!loaded.ok) return loaded;
      const { pipeline } = loaded.value;
      // Only the operator's own API asks for it.
      if (purpose.kind === 'calls' && purpose.by === 'operator') {
        if (!this.#tenant.listeners.mayBeWatched) return fail({ reason: 'too_many_streams' });
        const watching = this.#tenant.listeners.initialState(
          { tokenId, session, purpose },
          false,
          pipeline.rev,
        );
        const expiresAt = Number.MAX_SAFE_INTEGER;
        return succeed({ state: watching, scopes: [], expiresAt, tools: [], holdsCalls: false });
      }
      // A stream of calls belongs to no session; what it may read is decided at each reading.
      const admission = pipeline.admit(tokenId, purpose.kind === 'calls' ? undefined : session);
      if (!admission.ok) return admission;
      if (purpose.kind === 'calls' && !this.#tenant.listeners.mayWatch(tokenId))
        return fail({ reason: 'too_many_streams' });
      const { scopes, expiresAt, tools, holdsCalls } = admission.value;
      const mayRead = scopes.includes('blackboard:read') && tools?.includes(RESOURCE_TOOL) !== false;
      const state = this.#tenant.listeners.initialState({ tokenId, session, purpose }, mayRead, pipeline.rev);
      return succeed({ state, scopes, expiresAt, tools, holdsCalls });
    });
  }

  /** Adds an admitted stream and sends what its session has missed. */
  attach(listener: Listener): void {
    const loaded = this.#tenant.requireLoaded();
    this.#tenant.listeners.attach(listener, loaded.ok ? loaded.value.pipeline.rev : 0);
    if (listener.state.purpose.kind !== 'calls' || !loaded.ok) return;
    const { records } = loaded.value;
    records.flush();
    listener.send({ kind: 'calls', last: records.lastId });
  }

  /** Removes a closed stream. A session that exists for this stream alone ends with it if the client closed it. */
  detach(listener: Listener, byClient: boolean): void {
    // The close of a stream may be the first event after the object was loaded.
    if (this.#tenant.requireLoaded().ok)
      this.#tenant.listeners.detach(listener, byClient, this.#tenant.host.clock());
  }

  /**
   * Passes messages that a client has POSTed to the connections that wait for them.
   * @returns whether every message had a receiver; a cancellation needs none
   */
  deliver(
    tokenId: TokenId,
    session: SessionId,
    messages: readonly ClientMessage[],
  ): Result<boolean, Refusal> {
    const admission = this.#tenant.admit(tokenId, session);
    if (!admission.ok) return admission;
    const delivered = messages.map((message) => {
      if (message.kind !== 'cancel') return this.#tenant.listeners.deliver(session, message);
      this.#tenant.cancel(message.cancelKey);
      return true;
    });
    return succeed(delivered.every(Boolean));
  }
}
