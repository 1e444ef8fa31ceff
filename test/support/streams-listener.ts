import type { SessionId, TokenId } from '../../src/tenant/contract/call.ts';
import { FIRST_SLICE_MS, SLICE_PAUSE_MS } from '../../src/tenant/streams/fan-out.ts';
import type {
  Listener,
  ResourceChange,
  StreamEnd,
  StreamEvent,
  StreamPurpose,
  StreamState,
} from '../../src/tenant/streams/stream.ts';
import { callRequest, type TestCompartment } from './compartment.ts';

/** Whatever the tenant puts off for no longer than this is a slice of notifications. */
const SLICE_MS = Math.max(FIRST_SLICE_MS, SLICE_PAUSE_MS);

/** A stream without a socket: what it was told, and how it ended. */
export class FakeListener implements Listener {
  state: StreamState;
  readonly notices: StreamEvent[] = [];
  ended: StreamEnd | undefined;
  /** How often its state was saved. */
  saves = 0;
  /** Whether its other end is gone, so that it hears nothing more. */
  deaf = false;

  constructor(state: StreamState) {
    this.state = state;
  }

  send(notice: StreamEvent): boolean {
    if (this.ended !== undefined) throw new Error('told after its end');
    if (!this.deaf) this.notices.push(notice);
    return !this.deaf;
  }

  saveState(state: StreamState): void {
    this.state = state;
    this.saves++;
  }

  end(end: StreamEnd): void {
    if (this.ended !== undefined) throw new Error('ended twice');
    this.ended = end;
  }

  /** The changes that it was told of, by what was told together. */
  get tellings(): (readonly ResourceChange[])[] {
    return this.notices.flatMap((notice) =>
      notice.kind === 'changes' && notice.changes.length > 0 ? [notice.changes] : [],
    );
  }

  /** All changes that it was told of. */
  get changes(): ResourceChange[] {
    return this.tellings.flat();
  }

  /** URIs, and `list` where the list changed, in order. */
  get told(): string[] {
    return this.changes.flatMap(({ uris, list }) => (list ? [...uris, 'list'] : uris));
  }
}

export const uriOf = (key: string, run = 'default') => `blackboard://${run}/${key}`;

let sessions = 0;

/** A tenant's board as those see it who write, subscribe and listen. */
export class ListeningTenant {
  readonly test: TestCompartment;
  readonly tokenId: TokenId;

  constructor(test: TestCompartment, tokenId: TokenId = test.issue()) {
    this.test = test;
    this.tokenId = tokenId;
  }

  /** The answer of a call, which must succeed, and what it leads to: every stream has been notified. */
  call(tool: string, args: unknown): Record<string, unknown> {
    const answer = this.callOnly(tool, args);
    this.notifyAll();
    return answer;
  }

  /** The answer of a call, which must succeed. Nobody has been notified of it yet. */
  callOnly(tool: string, args: unknown): Record<string, unknown> {
    const outcome = this.test.call(this.tokenId, tool, args);
    if (outcome.kind !== 'answer') throw new Error(`${tool}: ${JSON.stringify(outcome)}`);
    return JSON.parse(outcome.json) as Record<string, unknown>;
  }

  /** Runs one slice of notifications. @returns whether there was one */
  notifySome(): boolean {
    return this.test.runLater(SLICE_MS) > 0;
  }

  notifyAll(): void {
    while (this.notifySome());
  }

  write(key: string, value: unknown, more: object = {}): number {
    return Number(this.call('blackboard_write', { key, value, ...more }).rev);
  }

  /** Opens a session and subscribes it. */
  session(...keys: string[]): SessionId {
    const session_id = `session-${++sessions}`;
    this.call('session_open', { session_id, kind: 'session' });
    for (const key of keys) this.subscribe(session_id, key);
    return session_id as SessionId;
  }

  subscribe(session_id: string, key: string): void {
    this.call('resources_subscribe', { session_id, uri: uriOf(key), run_id: 'default', key });
  }

  listen(session: SessionId, purpose: StreamPurpose = { kind: 'changes' }): FakeListener {
    const registered = this.test.compartment.streams.register(this.tokenId, session, purpose);
    if (!registered.ok) throw new Error(registered.error.reason);
    const listener = new FakeListener(registered.value.state);
    this.test.compartment.streams.attach(listener);
    return listener;
  }

  /** A request of a session, as a tool at the edge makes it. */
  request(tool: string, args: unknown, session?: SessionId) {
    return { ...callRequest(this.tokenId, tool, args, this.test.clock.now), session };
  }
}
