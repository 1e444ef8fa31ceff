/**
 * A `fetch` that answers repeated calls of a model from the cache, for clients of the shape of OpenAI or Anthropic.
 *
 * Only requests that it understands are looked up: POST, a body that is JSON text, and one of the paths in `SHAPES`. All others,
 * and all requests while the cache cannot be asked, go to the provider as they are. A cached answer comes in the form that the
 * client asked for, whole or as a stream. What is stored is the whole body, also of a stream.
 */
import { CacheClient, type CacheOptions, type Lookup } from './cache-client.ts';
import { anthropicMessages } from './shapes/anthropic-messages.ts';
import { openAiChat } from './shapes/openai-chat.ts';
import { openAiResponses } from './shapes/openai-responses.ts';
import { eventsOf, isJson, type Json, type Shape } from './shapes/shape.ts';

const SHAPES: readonly Shape[] = [openAiChat, openAiResponses, anthropicMessages];
/** A longer answer is passed on, but not stored. */
const MAX_STORED_CHARS = 3_000_000;

/**
 * @example
 * const client = new OpenAI({ fetch: cachedFetch({ url: 'http://127.0.0.1:8787', token: TOKEN }) });
 */
export function cachedFetch(options: CacheOptions): typeof fetch {
  const cache = new CacheClient(options);
  return async (input, init) => {
    const asked = readRequest(input, init);
    if (asked === undefined) return fetch(input, init);
    const { shape, body, question } = asked;
    const found = await cache.lookUp(question);
    if (found.kind === 'ask') return ask(found, shape, () => fetch(input, init));
    return isJson(found.response) ? replay(found.response, shape, body) : fetch(input, init);
  };
}

function readRequest(input: string | URL | Request, init: RequestInit | undefined) {
  if (input instanceof Request || init?.method !== 'POST' || typeof init.body !== 'string') return undefined;
  const { host, pathname } = new URL(input);
  const shape = SHAPES.find(({ path }) => pathname.endsWith(path));
  const body = parse(init.body);
  const question = body && shape?.question(body, `${host}${pathname}`);
  return shape && body && question && { shape, body, question };
}

/** Asks the provider, passes its answer on, and sends a good one to the cache. */
async function ask(
  { settle }: Extract<Lookup, { kind: 'ask' }>,
  shape: Shape,
  send: () => Promise<Response>,
): Promise<Response> {
  const response = await send().catch((error: unknown) => {
    settle(undefined);
    throw error;
  });
  if (!response.ok || response.body === null) {
    settle(undefined);
    return response;
  }
  const isStream = /^text\/event-stream/i.test(response.headers.get('content-type') ?? '');
  const toBody = (text: string) => (isStream ? shape.collect(eventsOf(text)) : parse(text));
  const { status, statusText, headers } = response;
  return new Response(response.body.pipeThrough(reading(toBody, settle)), { status, statusText, headers });
}

/** Passes bytes on, and reads them as text by the way. A client that leaves early gives the lease back. */
function reading(toBody: (text: string) => Json | undefined, settle: (body: Json | undefined) => void) {
  const decoder = new TextDecoder();
  let text = '';
  return new TransformStream<Uint8Array, Uint8Array>({
    transform: (bytes, controller) => {
      controller.enqueue(bytes);
      if (text.length <= MAX_STORED_CHARS) text += decoder.decode(bytes, { stream: true });
    },
    flush: () => settle(text.length > MAX_STORED_CHARS ? undefined : attempt(() => toBody(text))),
    cancel: () => settle(undefined),
  });
}

function replay(body: Json, shape: Shape, request: Json): Response {
  const headers = { 'x-bulkhead-cache': 'hit' };
  if (request.stream !== true) return Response.json(body, { headers });
  const text = shape.replay(body, request).map(shape.encode).join('') + shape.end;
  return new Response(text, { headers: { ...headers, 'content-type': 'text/event-stream' } });
}

const parse = (text: string): Json | undefined =>
  attempt(() => {
    const value: unknown = JSON.parse(text);
    return isJson(value) ? value : undefined;
  });

/** What a provider sends that cannot be read is passed on all the same. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
