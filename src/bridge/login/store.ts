import { createHash } from 'node:crypto';
import { chmodSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import { FileLock } from '../../files/file-lock.ts';
import { createPrivateDirectory, replacePrivateFile, touchPrivateFile } from '../../files/private-files.ts';
import { signedOut } from '../failure.ts';

const MAX_HOST_CHARS = 100;
const DIRECTORY_MODE = 0o700;
/** How often a process asks for the lock that another holds. */
const LOCK_RETRY_MS = 100;

const signIn = z.object({
  state: z.literal('signed_in'),
  url: z.string(),
  /** The authorization server that gave the tokens. They are sent to no other. */
  issuer: z.string(),
  client: z.object({ client_id: z.string(), client_secret: z.string().optional() }),
  access_token: z.string(),
  refresh_token: z.string().optional(),
  /** When the access token should be renewed, in milliseconds; null if the server names no end. */
  renew_at: z.number().nullable(),
});
/** Kept so that processes that waited for this sign-in do not each ask the person again. */
const failedSignIn = z.object({
  state: z.literal('failed'),
  url: z.string(),
  at: z.number(),
  reason: z.string(),
});
const entry = z.discriminatedUnion('state', [signIn, failedSignIn]);

export type SignIn = z.infer<typeof signIn>;
export type StoredEntry = z.infer<typeof entry>;

/**
 * The sign-in at one URL, as a file in the user's configuration directory that only the user can read.
 *
 * Guarantees: a reader sees the old entry or the new one, never a part. `exclusively` admits one process at a time, so that
 * of many processes one signs in or refreshes, and the others find what it has stored.
 */
export class SignInStore {
  readonly #url: string;
  readonly #path: string;

  /**
   * @param directory the user's configuration directory of Bulkhead, which is created if it does not exist
   * @throws when it cannot be created
   */
  constructor(directory: string, url: URL) {
    const folder = join(directory, 'sign-ins');
    createPrivateDirectory(folder);
    chmodSync(folder, DIRECTORY_MODE);
    const host = url.hostname.replace(/[^a-z0-9.-]/g, '_').slice(0, MAX_HOST_CHARS);
    const digest = createHash('sha256').update(url.href).digest('hex').slice(0, 16);
    this.#url = url.href;
    this.#path = join(folder, `${host}-${digest}.json`);
  }

  /** @returns undefined when there is no entry, or a damaged one: both only mean a new sign-in */
  read(): StoredEntry | undefined {
    try {
      const found = entry.parse(JSON.parse(readFileSync(this.#path, 'utf8')));
      return found.url === this.#url ? found : undefined;
    } catch {
      return undefined;
    }
  }

  /** Call it inside `exclusively`. */
  write(stored: StoredEntry): void {
    replacePrivateFile(this.#path, `${JSON.stringify(stored, undefined, 2)}\n`);
  }

  /** Call it inside `exclusively`. */
  remove(): void {
    rmSync(this.#path, { force: true });
  }

  /** Runs `change` while no other process is in here for the same URL. @throws the reason of `signal` when it aborts first */
  async exclusively<T>(signal: AbortSignal, change: () => Promise<T>): Promise<T> {
    const lock = await this.#lock(signal);
    try {
      return await change();
    } finally {
      lock.release();
    }
  }

  #tryLock(): FileLock | undefined {
    const path = `${this.#path}.lock`;
    try {
      touchPrivateFile(path);
      return FileLock.tryAcquire(path);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw signedOut(
        `The sign-in cannot be read or stored: ${reason}. Make ${path} usable, then try again.`,
      );
    }
  }

  async #lock(signal: AbortSignal): Promise<FileLock> {
    for (;;) {
      signal.throwIfAborted();
      const lock = this.#tryLock();
      if (lock !== undefined) return lock;
      // An abort is thrown above, with its own reason.
      await delay(LOCK_RETRY_MS, undefined, { signal }).catch(() => {});
    }
  }
}
