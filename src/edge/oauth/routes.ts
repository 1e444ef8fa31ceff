import { Hono, type MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';
import { notFound } from '../http/boundary.ts';
import { ownOrigin } from '../http/host.ts';
import { methodNotAllowed, problem } from '../http/http-errors.ts';
import type { AppEnv } from '../http/isolate.ts';
import { refuse } from '../http/refusal-log.ts';
import { askPerson, hearPerson } from './authorize.ts';
import { authorizationServerMetadata, METADATA_PATH } from './metadata.ts';
import { CALLBACK_PATH, endAtProvider, SIGN_IN_PATH, startAtProvider } from './provider-sign-in.ts';
import { registerClient } from './register.ts';
import { revokeGrant } from './revoke.ts';
import { issueTokens } from './token.ts';

/** The authorization server (OAuth 2.1). Its paths are at the root, where clients of 2025-03-26 and some others guess them. */
export const oauth = new Hono<AppEnv>();

/** Without `OAUTH` there is nothing at these paths. */
const ifOn: MiddlewareHandler<AppEnv> = (c, next) =>
  c.var.isolate.config.oauth === undefined ? notFound(c) : next();

/** What carries no cookie may be used by a page of any origin. */
const anyOrigin = cors({ exposeHeaders: ['WWW-Authenticate', 'Retry-After'] });

const only =
  (...methods: readonly string[]): MiddlewareHandler<AppEnv> =>
  (c) =>
    refuse(c, problem, methodNotAllowed(methods));

oauth.use(METADATA_PATH, ifOn, anyOrigin);
oauth.get(METADATA_PATH, (c) => c.json(authorizationServerMetadata(ownOrigin(c))));
for (const [path, handler] of [
  ['/token', issueTokens],
  ['/register', registerClient],
  ['/revoke', revokeGrant],
] as const) {
  oauth.use(path, ifOn, anyOrigin);
  oauth.post(path, handler);
  oauth.all(path, only('POST'));
}
oauth.use('/authorize', ifOn);
oauth.get('/authorize', askPerson);
oauth.post('/authorize', hearPerson);
oauth.all('/authorize', only('GET', 'POST'));
for (const [path, handler] of [
  [SIGN_IN_PATH, startAtProvider],
  [CALLBACK_PATH, endAtProvider],
] as const) {
  oauth.use(path, ifOn);
  oauth.get(path, handler);
  oauth.all(path, only('GET'));
}
