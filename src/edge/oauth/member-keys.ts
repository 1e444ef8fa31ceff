import * as z from 'zod';
import type { Config } from '../../config.ts';
import { parseTenantId, type TenantId } from '../../tenant/contract/call.ts';
import { sealerOf } from './seal.ts';

/** Sign-in keys of members: each names its tenant and its member, and proves by its secret to be the one that was issued. */

const payload = z.object({ t: z.string(), m: z.string(), s: z.string() });

/** What a key begins with. */
export const MEMBER_KEY_PREFIX = 'bhk_';

export interface MemberKey {
  readonly tenant: TenantId;
  readonly member: string;
  readonly secret: string;
}

export function encodeMemberKey(config: Config, { tenant, member, secret }: MemberKey): string {
  return sealerOf(config).seal('sign_in', { t: tenant, m: member, s: secret } satisfies z.infer<
    typeof payload
  >);
}

export function decodeMemberKey(config: Config, text: string): MemberKey | undefined {
  const opened = sealerOf(config).open('sign_in', text.trim(), payload);
  const tenant = parseTenantId(opened?.t ?? '');
  return opened === undefined || tenant === undefined
    ? undefined
    : { tenant, member: opened.m, secret: opened.s };
}
