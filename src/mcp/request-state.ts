import { createRequestStateCodec, type RequestStateCodec } from '@modelcontextprotocol/server';
import type { ServerBinding } from './server-binding.ts';

/** How long a client has to answer, in seconds. */
const ANSWER_S = 600;

/** The state that a tool keeps until its caller answers. */
export interface KeptState {
  readonly tool: string;
  readonly state: unknown;
}

/**
 * Signs the state that the client carries until it answers (MCP 2026-07-28, "Multi Round-Trip Requests"). The client can
 * read the state, but cannot change it, use it with another token, or use it after 10 minutes.
 */
export function requestStateOf({ stateKey, tokenId }: ServerBinding): RequestStateCodec<KeptState> {
  return createRequestStateCodec({ key: stateKey, ttlSeconds: ANSWER_S, bind: () => tokenId });
}
