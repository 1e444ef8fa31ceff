import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import type { Config } from '../config.ts';
import { DEMO_TENANT } from './demo-token.ts';
import type { MemberClient } from './member-client.ts';

/** The member of the demo tenant, so that a client without a token can sign in at once. */

const DIRECTORY = '.bulkhead';
const FILE = 'demo-member.json';

const savedSchema = z.object({ key: z.string(), key_id: z.string(), signed_with: z.string() });
type SavedKey = z.infer<typeof savedSchema>;

/** A key that another secret has signed is not accepted any more. */
const signedWith = ({ tokenKeys }: Config) =>
  createHash('sha256').update(tokenKeys[0].secret).digest('hex').slice(0, 16);

function readSaved(root: string): SavedKey | undefined {
  try {
    return savedSchema.parse(JSON.parse(readFileSync(join(root, DIRECTORY, FILE), 'utf8')));
  } catch {
    // A missing or damaged file does no harm, because a new key costs nothing.
    return undefined;
  }
}

function save(root: string, saved: SavedKey): void {
  const path = join(root, DIRECTORY, FILE);
  mkdirSync(join(root, DIRECTORY), { recursive: true, mode: 0o700 });
  writeFileSync(`${path}.new`, `${JSON.stringify(saved, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** The sign-in key of the demo member: the saved one while it is valid, so that a password manager can keep it. */
export async function demoKey(client: MemberClient, root: string, config: Config): Promise<string> {
  const { members } = await client.members(DEMO_TENANT);
  const saved = readSaved(root);
  const isKnown = members.some(({ key_id }) => key_id === saved?.key_id);
  if (saved !== undefined && isKnown && saved.signed_with === signedWith(config)) return saved.key;
  const old = members.find(({ name }) => name === DEMO_TENANT);
  const { key, key_id } =
    old === undefined
      ? await client.add(DEMO_TENANT, { name: DEMO_TENANT })
      : await client.renewKey(DEMO_TENANT, old.member_id);
  save(root, { key, key_id, signed_with: signedWith(config) });
  return key;
}
