import { Hono } from 'hono';
import * as z from 'zod';
import type { AppEnv } from '../http/isolate.ts';
import { fitRedirectUris, makeClient, secretOf } from '../oauth/clients.ts';
import { cleanName } from '../oauth/names.ts';
import { MAX_REDIRECT_URIS } from '../oauth/redirect-uris.ts';
import { clientJson } from '../oauth/register.ts';
import { actingAs, listAction } from './operator-calls.ts';
import { AdminRefusal, bodyOf } from './refusals.ts';

/** Clients that the operator registers, which members are shown as such. Nothing is stored: the client id is signed. */

const newClient = z.strictObject({
  name: z
    .string()
    .transform(cleanName)
    .refine((name) => name !== '', { error: 'must have a visible character' }),
  redirect_uris: z.array(z.string()).min(1).max(MAX_REDIRECT_URIS),
  secret: z.boolean().default(false),
});

export const clients = new Hono<AppEnv>();

clients.post('/clients', async (c) => {
  const { config } = c.var.isolate;
  const { name, redirect_uris, secret } = await bodyOf(c, newClient);
  if (config.oauth === undefined)
    throw new AdminRefusal(409, 'conflict', 'Nobody can sign in to this server: OAUTH is off.');
  const fit = fitRedirectUris(redirect_uris, config.oauth);
  const unfit = redirect_uris.find((uri) => !fit.includes(uri));
  if (unfit !== undefined)
    throw new AdminRefusal(
      400,
      'invalid_input',
      'redirect_uris: each must be https, or http on localhost, 127.0.0.1 or [::1], or be named in OAUTH_REDIRECT_URIS.',
      'redirect_uris',
    );
  const method = secret ? 'client_secret_basic' : 'none';
  const client = makeClient(config, { name, redirectUris: fit, method, origin: 'operator' });
  if (client === undefined)
    throw new AdminRefusal(
      400,
      'invalid_input',
      'redirect_uris: they are too long together.',
      'redirect_uris',
    );
  await listAction(c, {
    tenant: '',
    action: 'POST clients',
    as: actingAs(c),
    code: undefined,
    changed: [{ what: 'client', to: name }],
  });
  return c.json(clientJson(client, secretOf(config, client)), 201);
});
