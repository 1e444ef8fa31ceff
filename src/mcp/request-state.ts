import { createRequestStateCodec, type RequestStateCodec } from '@modelcontextprotocol/server';
import type { ServerBinding } from './server-binding.ts';

/** How long a client has to answer, in seconds. */
const ANSWER_S = 600;

/** What a tool wants to know again when its caller answers. */
export interface Kept {
  readonly tool: string;
  readonly state: unknown;
}

/**
 * Signs what travels through the client until it answers (MCP 2026-07-28, "Multi Round-Trip Requests"): it can be read
 * there, but neither changed, nor used with another token, nor used late.
 */
export function requestStateOf({ stateKey, tokenId }: ServerBinding): RequestStateCodec<Kept> {
  return createRequestStateCodec({ key: stateKey, ttlSeconds: ANSWER_S, bind: () => tokenId });
}
