import { toJsonLine } from '../../json/json-line.ts';
import type { EventStream } from './event-stream.ts';

/** Calls as server-sent events: `event: call`, and `id` that of the record. */

/** A client is told this often how far the stream has looked, so that it resumes from there although nothing matched. */
const SEND_ID_EVERY = 256;

/**
 * Whether a request for calls asks for a stream of them: by `?follow`, or because it accepts events and no JSON. What a client of
 * MCP always sends accepts both, and is answered by a list.
 */
export function wantsCallEvents(accept: string | null, follow: string | undefined): boolean {
  if (follow !== undefined) return true;
  return accept?.includes('text/event-stream') === true && !accept.includes('application/json');
}

/** `Last-Event-ID` of a stream of calls; undefined without one, `invalid` when it is no id of a record. */
export function lastEventOf(header: string | undefined): number | undefined | 'invalid' {
  if (header === undefined || header === '') return undefined;
  return /^\d{1,15}$/.test(header) ? Number(header) : 'invalid';
}

/** Writes each reading to the stream of a client. @param after the last record that the client has */
export function callWriter(stream: EventStream, after: number) {
  let sent = after;
  return ({ calls, up_to }: { calls: readonly { readonly id: number }[]; up_to: number }): void => {
    stream.send(...calls.map((call) => ({ event: 'call', id: String(call.id), data: toJsonLine(call) })));
    sent = calls.at(-1)?.id ?? sent;
    if (up_to - sent < SEND_ID_EVERY) return;
    stream.sendId(String(up_to));
    sent = up_to;
  };
}
