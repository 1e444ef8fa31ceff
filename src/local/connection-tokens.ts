import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import type { AccessTokens } from '../connections/oauth/access-token.ts';
import { credentialText, parseCredential } from '../connections/oauth/credential.ts';
import { FileLock } from '../files/file-lock.ts';
import { replacePrivateFile } from '../files/private-files.ts';
import { requestToken, settleToken, type TokenState } from '../tenant/connections/token-state.ts';
import type { TokenLease, TokenSettlement } from '../tenant/contract/access-token.ts';

/**
 * The access tokens of the local server's connections.
 *
 * Access tokens are in the memory of each process. A refresh token that a token endpoint has replaced is stored beside the file
 * of connections, which is its user's own and is never written; it holds until that file has another credential. While a
 * process uses a refresh token, no other one does.
 */

const FILE = 'connection-tokens.json';
const LOCK = 'connection-tokens.lock';

/** By the name of a connection: which credential of the file it belongs to, and the present refresh token. */
const fileSchema = z.record(z.string(), z.strictObject({ of: z.string(), refresh_token: z.string() }));
type Replaced = z.output<typeof fileSchema>;

export class LocalTokens implements AccessTokens {
  readonly #directory: string;
  /** What the user has entered, by the name of the connection. */
  readonly #credentials: ReadonlyMap<string, string>;
  readonly #states = new Map<string, TokenState>();
  /** By the id of the lease. */
  readonly #locks = new Map<string, FileLock>();

  constructor(directory: string, credentials: ReadonlyMap<string, string>) {
    this.#directory = directory;
    this.#credentials = credentials;
  }

  async request(name: string, not: string | undefined): Promise<TokenLease> {
    const entered = this.#credentials.get(name);
    if (entered === undefined) return { kind: 'gone' };
    const asked = {
      secret: { form: 'plain', value: entered } as const,
      not,
      now: Date.now(),
      newId: randomUUID(),
    };
    const { answer, next } = requestToken(this.#states.get(name) ?? {}, asked);
    if (next === undefined || answer.kind !== 'leased') return answer;
    if (parseCredential(entered)?.refresh !== undefined) {
      const lock = FileLock.tryAcquire(join(this.#directory, LOCK));
      if (lock === undefined) return { kind: 'wait' };
      this.#locks.set(answer.lease, lock);
    }
    this.#states.set(name, next);
    return { ...answer, secret: { form: 'plain', value: this.#present(name, entered) } };
  }

  async settle(name: string, settlement: TokenSettlement): Promise<boolean> {
    try {
      const next = settleToken(this.#states.get(name) ?? {}, settlement, Date.now());
      if (next === undefined) return false;
      if (settlement.secret?.form === 'plain') this.#replace(name, settlement.secret.value);
      this.#states.set(name, next);
      return true;
    } finally {
      this.#locks.get(settlement.lease)?.release();
      this.#locks.delete(settlement.lease);
    }
  }

  keepAlive(): void {
    // The process does not end with a call.
  }

  /** The credential with the refresh token that is good now. */
  #present(name: string, entered: string): string {
    const replaced = this.#read()[name];
    if (replaced?.of !== digestOf(entered)) return entered;
    return credentialText({ ...parseCredential(entered), refresh: replaced.refresh_token });
  }

  #replace(name: string, credential: string): void {
    const refresh = parseCredential(credential)?.refresh;
    const entered = this.#credentials.get(name);
    if (refresh === undefined || entered === undefined) return;
    const replaced = { ...this.#read(), [name]: { of: digestOf(entered), refresh_token: refresh } };
    // Connections that are gone are forgotten, so that the file does not grow.
    const kept = Object.entries(replaced).filter(([known]) => this.#credentials.has(known));
    replacePrivateFile(join(this.#directory, FILE), JSON.stringify(Object.fromEntries(kept)));
  }

  #read(): Replaced {
    try {
      return fileSchema.parse(JSON.parse(readFileSync(join(this.#directory, FILE), 'utf8')));
    } catch {
      return {};
    }
  }
}

const digestOf = (credential: string) => createHash('sha256').update(credential).digest('base64url');
