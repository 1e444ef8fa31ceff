import type { HttpRefusal } from '../http/http-errors.ts';

/** The `Accept` header (RFC 9110, section 12.5.1), as far as the MCP endpoint depends on it. */

const JSON_TYPE = 'application/json';
const STREAM_TYPE = 'text/event-stream';

/** In which of its two forms a client takes an answer. */
export type AcceptedForm = 'json' | 'stream' | 'either';

/** The weight of a media type, from 0 to 1; 0 when the header excludes it. The most specific range decides. */
function weightOf(accept: string, type: string): number {
  const ranges = accept.split(',').map((range) => {
    const [name = '', ...parameters] = range.split(';').map((part) => part.trim());
    const q = parameters.find((parameter) => parameter.startsWith('q='));
    const weight = q === undefined ? 1 : Number(q.slice(2));
    return { name, weight: weight >= 0 && weight <= 1 ? weight : 1 };
  });
  const group = `${type.slice(0, type.indexOf('/'))}/*`;
  for (const wanted of [type, group, '*/*']) {
    const found = ranges.find(({ name }) => name === wanted);
    if (found !== undefined) return found.weight;
  }
  return 0;
}

interface Weights {
  readonly json: number;
  readonly stream: number;
}

/** The last header and its weights: it is read several times for each request, and most requests send the same one. */
let last: Weights & { readonly accept: string | null } = { accept: null, json: 1, stream: 1 };

function weightsOf(request: Request): Weights {
  const accept = request.headers.get('accept');
  if (accept === last.accept) return last;
  const text = (accept ?? '*/*').toLowerCase();
  last = { accept, json: weightOf(text, JSON_TYPE), stream: weightOf(text, STREAM_TYPE) };
  return last;
}

/** The forms that the client of a POST takes; a request without `Accept` takes both. */
export function acceptedForm(request: Request): AcceptedForm {
  const { json, stream } = weightsOf(request);
  if (json === 0) return 'stream';
  return stream === 0 ? 'json' : 'either';
}

/** Refuses a request whose `Accept` excludes every type that its method answers with. */
export function checkAccept(request: Request): HttpRefusal | undefined {
  const { json, stream } = weightsOf(request);
  if (request.method === 'DELETE' || stream > 0 || (request.method === 'POST' && json > 0)) return undefined;
  return notAcceptable(request.method === 'POST' ? [JSON_TYPE, STREAM_TYPE] : [STREAM_TYPE]);
}

/** What is answered by a stream needs a client that takes one. */
export const STREAM_REQUIRED = notAcceptable([STREAM_TYPE]);

function notAcceptable(types: readonly string[]): HttpRefusal {
  return { status: 406, code: 'not_acceptable', message: `Accept must allow ${types.join(' or ')}.` };
}

/** Whether a client prefers an event stream to JSON, or takes nothing else. */
export function prefersStream(request: Request): boolean {
  const { json, stream } = weightsOf(request);
  // A header that names neither type, or both alike, leaves the choice to the server, which prefers JSON.
  return stream > json;
}
