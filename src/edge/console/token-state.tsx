import type * as z from 'zod';
import type { recordsTokens } from '../../tenant/records/reading/token-list.ts';
import { duration } from './parts.tsx';

/** What the pages on tokens say of one. */

export type ListedToken = z.output<typeof recordsTokens.output>['tokens'][number];

/** What a row is, where it is no token that was issued. */
export const KIND_TAGS: Readonly<Record<ListedToken['kind'], string | undefined>> = {
  token: undefined,
  grant: 'granted',
  session: 'console',
};

const SOON_MS = 86_400_000;

export const isLive = ({ ended_at, expires_at }: ListedToken, now: number) =>
  ended_at === undefined && Date.parse(expires_at) > now;

export function TokenState({ token, now }: { token: ListedToken; now: number }) {
  if (token.ended_at !== undefined) return <span class="status bad">revoked</span>;
  const left = Date.parse(token.expires_at) - now;
  if (left <= 0) return <span class="status plain">expired</span>;
  // A session of the console is short by its nature.
  const tone = left < SOON_MS && token.kind !== 'session' ? 'warn' : 'ok';
  return <span class={`status ${tone}`}>{duration(left)} left</span>;
}
