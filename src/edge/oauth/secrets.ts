import * as z from 'zod';
import type { Config } from '../../config.ts';
import { parseTenantId, type TenantId, type TokenId } from '../../tenant/contract/call.ts';
import type { GrantSecret } from '../../tenant/contract/sign-in.ts';
import { sealerOf } from './seal.ts';

/** Authorization codes and refresh tokens: each names its tenant and its grant, and carries a secret that only the tenant can make. */

/** How long a code is taken to its tenant, which itself decides whether it can still be redeemed. */
const CODE_MS = 120_000;

export interface TenantSecret extends GrantSecret {
  readonly tenant: TenantId;
}

export interface RefreshSecret extends TenantSecret {
  readonly generation: number;
}

const code = z.object({ t: z.string(), g: z.string(), s: z.string(), e: z.number() });
const refresh = z.object({ t: z.string(), g: z.string(), s: z.string(), n: z.int().min(0) });

export const encodeCode = (config: Config, { tenant, grant, secret }: TenantSecret, now: number): string =>
  sealerOf(config).seal('code', { t: tenant, g: grant, s: secret, e: now + CODE_MS } satisfies z.infer<
    typeof code
  >);

/** The contents of a code that was made here; one that is too old is told from no other. */
export function decodeCode(config: Config, text: string, now: number): TenantSecret | undefined {
  const opened = sealerOf(config).open('code', text, code);
  return opened === undefined || now >= opened.e ? undefined : secretOf(opened);
}

export const encodeRefresh = (config: Config, { tenant, grant, secret, generation }: RefreshSecret): string =>
  sealerOf(config).seal('refresh', { t: tenant, g: grant, s: secret, n: generation } satisfies z.infer<
    typeof refresh
  >);

export function decodeRefresh(config: Config, text: string): RefreshSecret | undefined {
  const opened = sealerOf(config).open('refresh', text, refresh);
  const secret = opened && secretOf(opened);
  return secret && { ...secret, generation: opened.n };
}

function secretOf({ t, g, s }: { t: string; g: string; s: string }): TenantSecret | undefined {
  const tenant = parseTenantId(t);
  return tenant === undefined ? undefined : { tenant, grant: g as TokenId, secret: s };
}
