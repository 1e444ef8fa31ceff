import { expect } from 'vitest';
import { problemSchema } from '../../src/edge/api/problem-schema.ts';
import { jsonOf, type Sent, send } from './http.ts';
import type { Answer } from './tenant.ts';

export const bearer = (token: string | undefined) => (token === undefined ? undefined : `Bearer ${token}`);

/** One call by plain HTTP. A body that is a string goes out as it is. */
export const call = (
  token: string | undefined,
  tool: string,
  args: unknown = {},
  headers: Sent['headers'] = {},
): Promise<Response> =>
  send(`/v1/tools/${tool}`, {
    method: 'POST',
    headers: { authorization: bearer(token), 'content-type': 'application/json', ...headers },
    body: typeof args === 'string' ? args : JSON.stringify(args),
  });

/** The problem that a refused request is answered with. */
export async function problemOf(response: Response): Promise<Answer> {
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  const body = await jsonOf(response);
  problemSchema.parse(body);
  expect(body).toMatchObject({ type: 'about:blank', status: response.status });
  expect(body.trace_id).toMatch(/^[0-9a-f]{32}$/);
  return body;
}
