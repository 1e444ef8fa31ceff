import { escapeSeparators } from '../../json/json-line.ts';

/**
 * The same response with the line separators escaped in its events, which all hold JSON. The SDK writes them as they are,
 * and some readers of event streams end a line there. A response that is no event stream stays as it is.
 */
export function withOneLineEvents(response: Response): Response {
  if (response.body === null || response.headers.get('content-type') !== 'text/event-stream') return response;
  const decoder = new TextDecoder();
  const encoder = new TextEncoder();
  const escaping = new TransformStream<Uint8Array, Uint8Array>({
    transform: (chunk, controller) => {
      const text = decoder.decode(chunk, { stream: true });
      if (text !== '') controller.enqueue(encoder.encode(escapeSeparators(text)));
    },
  });
  return new Response(response.body.pipeThrough(escaping), response);
}
