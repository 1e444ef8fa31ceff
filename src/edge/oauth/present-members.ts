import type { Context } from 'hono';
import { fail, type Result } from '../../result.ts';
import type { SignedIn, SignInRefusal } from '../../tenant/contract/sign-in.ts';
import type { AppEnv } from '../http/isolate.ts';
import type { Present, SessionMember } from './browser.ts';

/** What a tenant answers. */
export async function ask<Value, Failure>(
  tenant: () => Promise<Result<Value, Failure>>,
): Promise<Result<Value, Failure | 'unavailable'>> {
  try {
    return await tenant();
  } catch {
    return fail('unavailable');
  }
}

/** The members of a session that their tenants still know, in the order of the session. */
export async function presentMembers(
  c: Context<AppEnv>,
  members: readonly SessionMember[],
): Promise<Present[]> {
  const asked = await Promise.all(
    members.map(async ({ tenant, member, keyDigest }) => {
      const result = await ask<SignedIn, SignInRefusal>(
        async () => await c.env.TENANTS.getByName(tenant).signedIn({ member, keyDigest }),
      );
      return result.ok ? [{ tenant, ...result.value }] : [];
    }),
  );
  return asked.flat();
}
