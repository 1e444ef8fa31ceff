import type { HttpRefusal } from '../http/http-errors.ts';

/** The `Accept` header (RFC 9110, section 12.5.1), as far as the MCP endpoint depends on it. */

const acceptOf = (request: Request, otherwise: string) =>
  (request.headers.get('accept') ?? otherwise).toLowerCase();

const accepts = (accept: string, type: string) =>
  accept.includes(type) || accept.includes('*/*') || accept.includes(`${type.slice(0, type.indexOf('/'))}/*`);

/** Refuses a request whose `Accept` excludes the types that its method answers with. */
export function checkAccept(request: Request): HttpRefusal | undefined {
  const accept = acceptOf(request, '*/*');
  const json = request.method !== 'POST' || accepts(accept, 'application/json');
  const stream = request.method === 'DELETE' || accepts(accept, 'text/event-stream');
  if (json && stream) return undefined;
  const needed = request.method === 'POST' ? 'application/json and text/event-stream' : 'text/event-stream';
  return { status: 406, code: 'not_acceptable', message: `Accept must allow ${needed}.` };
}

/** Whether a client prefers an event stream to JSON, by the weights in `Accept`. */
export function prefersStream(request: Request): boolean {
  const ranges = acceptOf(request, '').split(',');
  const weight = (type: string) => {
    const range = ranges.find((candidate) => candidate.trim().startsWith(type));
    return range === undefined ? 0 : Number(/;\s*q=([\d.]+)/.exec(range)?.[1] ?? 1);
  };
  return weight('text/event-stream') > weight('application/json');
}
