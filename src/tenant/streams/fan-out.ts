import type { Later } from '../contract/timer.ts';
import type { Database } from '../storage/database.ts';
import { type Batch, missedBy, nextBatch } from './batch.ts';
import type { Listener, ResourceChange } from './stream.ts';

/**
 * Streams that one slice sends to. A slice occupies the tenant for a few milliseconds at most, and calls are answered
 * between two slices.
 */
export const SLICE_STREAMS = 16;
/** Bytes that one slice sends, about; the stream with which it is exceeded is the last of the slice. */
export const SLICE_BYTES = 262_144;
/** The time from a write to the first slice, in milliseconds: the writer is answered first. */
export const FIRST_SLICE_MS = 2;
/** The time between two slices, in milliseconds. It leaves most of the tenant's time to calls. */
export const SLICE_PAUSE_MS = 8;
/**
 * If the host is evicted between two slices, it is loaded again within this time, in milliseconds, and continues. An
 * eviction takes long enough that an earlier time would not help.
 */
export const WAKE_WITHIN_MS = 5000;
/** The time after which a slice that failed is tried again, in milliseconds. */
const RETRY_MS = 1000;
/** A stream without news is still sent the revision this often, so that a reconnect does not replay so many. */
const SEND_REV_EVERY = 256;
/** Calls whose changes are not sent yet and that are told apart; a tenant that is further behind sends resets anyway. */
const MAX_PENDING_CALLS = 1000;

export interface FanOutOptions {
  readonly db: Database;
  readonly later: Later;
  /** Makes sure that the host is in memory again within this time, in milliseconds, should it be evicted. */
  readonly wakeWithin: ((ms: number) => void) | undefined;
  /** Called when a slice has failed, for the log; it is tried again. */
  readonly report: (cause: unknown) => void;
}

/**
 * Sends the changes of the blackboard to the streams of changes, after the writer was answered.
 *
 * The log of revisions is the queue, and the state of each stream its position: nothing else must survive. Changes are
 * sent in bounded slices. A change costs one query and what is sent to the streams that it concerns; other streams cost
 * nothing, because all of them share one position, which is in memory only.
 * Guarantees: each stream receives the changes of its subscriptions in revision order; a subscription that has ended by the
 * time of the slice receives nothing more. After an eviction the streams continue from the
 * positions that were saved when something was last sent to each, so that nothing is lost and nothing sent twice.
 * Failure: a stream whose socket is closing is skipped from then on, and its session resumes from the saved position. A
 * slice that throws is reported and tried again.
 */
export class FanOut {
  readonly #db: Database;
  readonly #later: Later;
  readonly #wakeWithin: (ms: number) => void;
  readonly #report: (cause: unknown) => void;
  /** By session. Those that were sent something longest ago come first. */
  readonly #streams = new Map<string, Listener>();
  readonly #ofList = new Set<string>();
  readonly #ofAll = new Set<string>();
  /** All streams have been notified of the changes up to this revision, apart from what is still in `#batch`. */
  #position = 0;
  /** The newest committed revision. */
  #head = 0;
  #batch: Batch | undefined;
  /** The newest revision of each call whose changes are not sent yet, oldest first. */
  #calls: number[] = [];
  /** Up to this revision it is not known which changes one call made. */
  #callsUnknownUpTo: number | undefined;
  #scheduled = false;
  /** Whether the host was asked to wake for what is being sent now. */
  #wakes = false;

  /** @param survivors the streams of changes that have survived a hibernation of the host */
  constructor({ db, later, wakeWithin, report }: FanOutOptions, survivors: readonly Listener[]) {
    this.#db = db;
    this.#later = later;
    this.#wakeWithin = wakeWithin ?? (() => {});
    this.#report = report;
    for (const listener of survivors.toSorted((a, b) => a.state.rev - b.state.rev)) this.#insert(listener);
    this.#position = survivors.length === 0 ? 0 : Math.min(...survivors.map(({ state }) => state.rev));
  }

  /** The sessions that have a stream of changes. */
  sessions(): string[] {
    return [...this.#streams.keys()];
  }

  /** The revision up to which a stream has been sent what concerns it. */
  positionOf({ state }: Listener): number {
    const isOpen = this.#streams.get(state.session)?.state.id === state.id;
    return isOpen ? Math.max(state.rev, this.#position) : state.rev;
  }

  /** Adds a stream, and sends what its session has missed up to `head`. */
  add(listener: Listener, head: number): void {
    if (this.#streams.size === 0) this.#skipTo(head);
    this.#callsUnknownUpTo ??= head;
    // The starting revision first: if the socket breaks, the client resumes from it and no event in flight is lost.
    if (!listener.send({ kind: 'changes', rev: listener.state.rev, changes: [] })) return;
    this.#insert(listener);
    const missed = missedBy(this.#db, listener.state, head);
    if (missed.length > 0 || head - listener.state.rev >= SEND_REV_EVERY) this.#send(listener, head, missed);
    else if (head > listener.state.rev) listener.saveState({ ...listener.state, rev: head });
  }

  remove({ state }: Listener): void {
    if (this.#streams.get(state.session)?.state.id !== state.id) return;
    this.#streams.delete(state.session);
    this.#ofList.delete(state.session);
    this.#ofAll.delete(state.session);
  }

  /** Sends the changes up to `head`, the newest committed revision, soon. */
  announce(head: number): void {
    this.#callsUnknownUpTo ??= head;
    if (this.#streams.size === 0) {
      this.#skipTo(head);
      return;
    }
    if (head > this.#head) {
      this.#head = head;
      if (this.#calls.length < MAX_PENDING_CALLS) this.#calls.push(head);
    }
    if (this.#position < this.#head) this.#schedule(FIRST_SLICE_MS);
  }

  #skipTo(head: number): void {
    this.#position = head;
    this.#head = head;
    this.#batch = undefined;
    this.#calls = [];
  }

  #insert(listener: Listener): void {
    const { session, listChanges, purpose } = listener.state;
    this.#streams.set(session, listener);
    if (listChanges) this.#ofList.add(session);
    if (purpose.kind === 'changes' && purpose.all === true) this.#ofAll.add(session);
  }

  #schedule(ms: number): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#later(ms, () => {
      this.#scheduled = false;
      try {
        const isDone = this.#slice() === 'done';
        if (!isDone && !this.#wakes) this.#wakeWithin(WAKE_WITHIN_MS);
        this.#wakes = !isDone;
        if (!isDone) this.#schedule(SLICE_PAUSE_MS);
      } catch (cause) {
        this.#report(cause);
        this.#schedule(RETRY_MS);
      }
    });
  }

  /** Sends a bounded part of what is to be sent. */
  #slice(): 'more' | 'done' {
    let streams = SLICE_STREAMS;
    let bytes = SLICE_BYTES;
    while (streams > 0 && bytes > 0) {
      if (this.#streams.size === 0) {
        this.#skipTo(this.#head);
        return 'done';
      }
      const sent = this.#sendNext();
      if (sent === 'done') return 'done';
      streams--;
      bytes -= sent;
    }
    return 'more';
  }

  /** Sends to one stream. @returns the bytes that were sent, about, or `done` when there is nothing more to send */
  #sendNext(): number | 'done' {
    if (this.#batch === undefined && this.#position < this.#head) this.#batch = this.#nextBatch();
    if (this.#batch === undefined) return this.#sendRevision();
    const { pending, upTo } = this.#batch;
    const [next] = pending;
    if (next === undefined) {
      this.#position = upTo;
      this.#batch = undefined;
      this.#calls = this.#calls.filter((rev) => rev > upTo);
      return 0;
    }
    const [session, changesOf] = next;
    const listener = this.#streams.get(session);
    const changes = listener === undefined ? [] : changesOf(listener.state);
    if (listener !== undefined && changes.length > 0) this.#send(listener, upTo, changes);
    // After the stream was sent to: if that throws, it is tried again.
    pending.delete(session);
    return changes.reduce((sum, { uris }) => sum + sizeOf(uris), 0);
  }

  #nextBatch(): Batch {
    const calls = this.#calls;
    const unknownUpTo = this.#callsUnknownUpTo ?? 0;
    const callOf = (rev: number) =>
      rev <= unknownUpTo ? rev : (calls.find((newest) => rev <= newest) ?? this.#head);
    const span = { from: this.#position, head: this.#head, callOf };
    return nextBatch(this.#db, span, { streams: this.#streams, ofList: this.#ofList, ofAll: this.#ofAll });
  }

  /** Sends the revision to the stream that was sent nothing for longest, if that is long enough ago. */
  #sendRevision(): number | 'done' {
    const [listener] = this.#streams.values();
    if (listener === undefined || this.#position - listener.state.rev < SEND_REV_EVERY) return 'done';
    this.#send(listener, this.#position, []);
    return sizeOf([]);
  }

  #send(listener: Listener, rev: number, changes: readonly ResourceChange[]): void {
    if (!listener.send({ kind: 'changes', rev, changes })) {
      this.remove(listener);
      return;
    }
    listener.saveState({ ...listener.state, rev });
    // To the end of the order.
    this.#streams.delete(listener.state.session);
    this.#streams.set(listener.state.session, listener);
  }
}

/** The bytes of one event with these URIs, about. */
const sizeOf = (uris: readonly string[]) => uris.reduce((sum, uri) => sum + uri.length, 64);
