/** What the wrapper of `fetch` needs to know about an API: how a request and a stream of it look. */
import type { Question } from '../cache-client.ts';

export type Json = Record<string, unknown>;

export interface Shape {
  /** The end of the path of its endpoint. */
  readonly path: string;
  question(body: Json, provider: string): Question | undefined;
  /** The whole body that a stream of these events amounts to; undefined if the stream is not complete. */
  collect(events: readonly Json[]): Json | undefined;
  /** The events in which a whole body is streamed. */
  replay(body: Json, request: Json): readonly Json[];
  /** How an event is written. */
  encode(event: Json): string;
  /** What stands after the last event. */
  readonly end: string;
}

export const isJson = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
export const listOf = (value: unknown): Json[] => (Array.isArray(value) ? value.filter(isJson) : []);

/** The JSON objects in the `data` fields of an event stream. */
export function eventsOf(text: string): Json[] {
  return text
    .split(/\r?\n\r?\n/)
    .map((block) => block.split(/\r?\n/).filter((line) => line.startsWith('data:')))
    .map((lines) => lines.map((line) => line.slice('data:'.length)).join('\n'))
    .filter((data) => data.trimStart().startsWith('{'))
    .map((data): unknown => JSON.parse(data))
    .filter(isJson);
}

/** A question whose messages are in one member, and whose every other member counts. */
export function questionIn(body: Json, name: string, provider: string): Question | undefined {
  const { model, [name]: input, stream: _, stream_options: __, ...params } = body;
  const isInput = typeof input === 'string' || Array.isArray(input);
  return typeof model === 'string' && isInput ? { provider, model, input, params } : undefined;
}
