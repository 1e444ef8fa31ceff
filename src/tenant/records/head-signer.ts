import { createHmac, timingSafeEqual } from 'node:crypto';
import type { TokenKey } from '../../config.ts';
import type { HeadSigner } from './anchors.ts';

const PURPOSE = 'bulkhead: heads of records, version 1';

/** A signer (HMAC-SHA-256) whose keys are derived from those of the tokens; the first signs, the others only verify. */
export function headSignerOf([first, ...others]: readonly [TokenKey, ...TokenKey[]]): HeadSigner {
  const derived = new Map(
    [first, ...others].map(({ kid, secret }) => [kid, createHmac('sha256', secret).update(PURPOSE).digest()]),
  );
  const macOf = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest();
  const own = derived.get(first.kid) ?? Buffer.alloc(0);
  return {
    kid: first.kid,
    sign: (text) => macOf(own, text).toString('base64url'),
    verify: (kid, text, mac) => {
      const key = derived.get(kid);
      if (key === undefined) return undefined;
      const given = Buffer.from(mac, 'base64url');
      const right = macOf(key, text);
      return given.byteLength === right.byteLength && timingSafeEqual(given, right);
    },
  };
}
