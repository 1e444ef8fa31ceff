import { createRequestStateCodec, type RequestStateCodec } from '@modelcontextprotocol/server';
import type { ServerBinding } from './server-binding.ts';

/** How long a client has to answer, in seconds. */
const ANSWER_S = 600;

/** What the client keeps of a call until it answers the questions of its tool. */
export interface KeptState {
  readonly tool: string;
  /** A digest of the arguments. */
  readonly args: string;
  /** The answers so far, by the key of the question. */
  readonly answers: Readonly<Record<string, unknown>>;
  /** The keys of the questions that the client has been asked last. */
  readonly asked: readonly string[];
}

/**
 * Signs the state that the client carries until it answers (MCP 2026-07-28, "Multi Round-Trip Requests"). The client can
 * read the state, but cannot change it, use it with another token, or use it after 10 minutes.
 */
export function requestStateOf({ stateKey, tokenId }: ServerBinding): RequestStateCodec<KeptState> {
  return createRequestStateCodec({ key: stateKey, ttlSeconds: ANSWER_S, bind: () => tokenId });
}
