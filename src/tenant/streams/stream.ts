import type { CellChange } from '../../tools/blackboard/changes.ts';
import type { SessionId, TokenId } from '../contract/call.ts';

/** One notification stream between a tenant and a transport: what it is for, what is sent on it, why it ends. */

/** Why the tenant ends a stream. The order is part of the protocol: see `closeCodeOf`. */
export const STREAM_ENDS = ['revoked', 'suspended', 'gone', 'replaced', 'full'] as const;
export type StreamEnd = (typeof STREAM_ENDS)[number];

/** One change of the blackboard, as a subscriber is notified of it. */
export interface ResourceChange {
  readonly rev: number;
  /** The subscribed URIs that changed: one for each cell, so at most one when this is a single change. */
  readonly uris: readonly string[];
  /** Whether the list of resources changed. */
  readonly list: boolean;
  /** The changed cell; only on streams that receive every change. */
  readonly cell?: Pick<CellChange, 'run_id' | 'key'>;
  /** The single changes up to `rev` are no longer known: everything subscribed may have changed. */
  readonly reset?: true;
}

/** What the tenant sends on a stream. */
export type StreamEvent =
  | { readonly kind: 'changes'; readonly rev: number; readonly changes: readonly ResourceChange[] }
  /** A message that the client has POSTed in another request. */
  | { readonly kind: 'message'; readonly message: unknown }
  /** Records up to this one are written. */
  | { readonly kind: 'calls'; readonly last: number }
  /** The client has cancelled the request that this stream belongs to. */
  | { readonly kind: 'cancelled' };

/** What a stream is for. */
export type StreamPurpose =
  | {
      readonly kind: 'changes';
      /** Send what changed after this revision; without it, what the session has not received yet. */
      readonly since?: number | undefined;
      /** Send every change, whatever the session subscribed to: the transport filters. */
      readonly all?: boolean | undefined;
    }
  /** Is told of every new record: the operator watches, or a token that may read the records. */
  | { readonly kind: 'calls'; readonly by: 'operator' | 'token' }
  /** Receives the client's responses while one of its requests is served. */
  | { readonly kind: 'replies'; readonly key: string; readonly cancelKey: string };

/** The state of a stream. It survives hibernation, so it must fit a WebSocket attachment (2 KiB as JSON). */
export interface StreamState {
  readonly id: string;
  readonly session: SessionId;
  readonly tokenId: TokenId;
  readonly purpose: StreamPurpose;
  /** Whether to notify of changes of the resource list. */
  readonly listChanges: boolean;
  /** True for HTTP+SSE streams: messages that the client POSTs are delivered here. */
  readonly receivesPosts: boolean;
  /**
   * The newest revision that the other end has been sent: all changes up to it were sent or did not concern the stream.
   * Changes that do not concern the stream do not move it, so that a write costs nothing for the streams that it does not
   * concern.
   */
  readonly rev: number;
}

/** One open stream, as the host of the tenant holds it. */
export interface Listener {
  readonly state: StreamState;
  /** @returns false when the stream is closing: the event was not sent, and the client will resume */
  send(event: StreamEvent): boolean;
  saveState(state: StreamState): void;
  end(end: StreamEnd): void;
}

export const isChangeStreamOf = ({ session, purpose }: StreamState, wanted: string) =>
  session === wanted && purpose.kind === 'changes';
