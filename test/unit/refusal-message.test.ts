import { expect, test } from 'vitest';
import { refusalError } from '../../src/mcp/server-binding.ts';
import type { Refusal } from '../../src/tenant/contract/call.ts';
import { toolErrorSchema } from '../../src/tools/errors.ts';
import { SCOPES } from '../../src/tools/families.ts';

test.each<[refusal: Refusal, code: string, message: RegExp]>([
  [{ reason: 'invalid_token' }, 'forbidden', /token is not valid .*\. Ask its operator for a new one\.$/],
  [{ reason: 'suspended' }, 'forbidden', /suspended\. Ask the operator/],
  [{ reason: 'unknown_session' }, 'forbidden', /session.* ended\. Send initialize/],
  [{ reason: 'unavailable' }, 'unavailable', /cannot be reached now\. Try again shortly\.$/],
])('%o says what is wrong and what to do', (refusal, code, message) => {
  const error = toolErrorSchema.parse(refusalError(refusal, 'trace'));
  expect(error).toEqual({
    code,
    message: expect.stringMatching(message),
    retryable: code === 'unavailable',
    trace_id: 'trace',
  });
});

test.each(SCOPES)('a token without %s is told so, with the command that adds it', (scope) => {
  const { message, ...error } = toolErrorSchema.parse(
    refusalError(
      { reason: 'insufficient_scope', scope, held: [], isGrant: false, justRefreshed: false },
      'trace',
    ),
  );
  expect(error).toEqual({ code: 'forbidden', retryable: false, scope, trace_id: 'trace' });
  expect(message).toMatch(`lacks the scope ${scope}.`);
  expect(message).toMatch(`tenant scopes ID TOKEN_ID --add ${scope}`);
});

test.each(SCOPES)('a connection that a person has allowed without %s is told to connect anew', (scope) => {
  const { message } = toolErrorSchema.parse(
    refusalError(
      { reason: 'insufficient_scope', scope, held: [], isGrant: true, justRefreshed: true },
      'trace',
    ),
  );
  expect(message).toMatch(`not given the scope ${scope}. Ask the person to connect`);
});
