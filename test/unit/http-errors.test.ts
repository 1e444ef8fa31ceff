import { expect, test } from 'vitest';
import { problemSchema } from '../../src/edge/api/problem-schema.ts';
import { toolErrorProblem } from '../../src/edge/http/http-errors.ts';
import { ERROR_CODES, type ToolErrorBody } from '../../src/tools/errors.ts';

const error = (detail: Partial<ToolErrorBody>): ToolErrorBody => ({
  code: 'internal',
  message: 'A sentence.',
  retryable: false,
  trace_id: 'a'.repeat(32),
  ...detail,
});

const STATUS = {
  invalid_input: 400,
  too_large: 413,
  quota_exceeded: 507,
  rate_limited: 429,
  forbidden: 403,
  unknown_handle: 404,
  pending_approval: 409,
  unavailable: 503,
  internal: 500,
};

test.each(ERROR_CODES)('the code %s as problem details', async (code) => {
  const response = toolErrorProblem(
    error({ code, limit: 5, field: 'key', hint: 'a hint', error_id: 'b'.repeat(16) }),
  );
  expect(response.status).toBe(STATUS[code]);
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  expect(response.headers.get('retry-after')).toBeNull();
  const body = await response.json();
  expect(problemSchema.parse(body)).toEqual({
    type: 'about:blank',
    title: expect.stringMatching(/^[A-Z]/),
    status: STATUS[code],
    detail: 'A sentence.',
    code,
    retryable: false,
    trace_id: 'a'.repeat(32),
    limit: 5,
    field: 'key',
    hint: 'a hint',
    error_id: 'b'.repeat(16),
  });
});

test.each([
  [0, '1'],
  [1, '1'],
  [999, '1'],
  [1000, '1'],
  [1001, '2'],
  [59_001, '60'],
])('%i ms to wait are %s s', async (retry_after_ms, seconds) => {
  for (const code of ['rate_limited', 'unavailable'] as const) {
    const response = toolErrorProblem(error({ code, retry_after_ms, retryable: true }));
    expect(response.headers.get('retry-after')).toBe(seconds);
    expect(await response.json()).toMatchObject({ retry_after_ms, retryable: true });
  }
});
