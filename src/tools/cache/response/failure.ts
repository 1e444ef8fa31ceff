import { isObject, isPresent, member } from '../member.ts';

/** What a body has beside the message of an error, and nothing else: Cohere, Bedrock and gateways answer so. */
const ABOUT_AN_ERROR: ReadonlySet<string> = new Set([
  'message',
  'Message',
  'detail',
  'id',
  'request_id',
  'requestId',
  'code',
  'statusCode',
]);

/** Whether a body, or an event of a stream, is a provider's report of a failed call. */
export function isFailure(body: unknown): boolean {
  if (!isObject(body)) return false;
  if (isPresent(member(body, 'error')) || isPresent(member(body, 'errors'))) return true;
  if (member(body, 'success') === false) return true;
  if (['type', 'object', 'event_type'].some((name) => member(body, name) === 'error')) return true;
  const names = Object.keys(body);
  if (typeof member(body, '__type') === 'string') return names.some((name) => /^message$/i.test(name));
  return names.length === 1 && /Exception$/.test(names[0] ?? '');
}

/** Such as `{"message": "Too many tokens"}`, and the `{"detail": …}` of FastAPI. */
export function isOnlyErrorMessage(body: unknown): boolean {
  if (!isObject(body) || !Object.keys(body).every((name) => ABOUT_AN_ERROR.has(name))) return false;
  const message = member(body, 'message') ?? member(body, 'Message');
  return typeof message === 'string' || isPresent(member(body, 'detail'));
}
