import { rmSync } from 'node:fs';
import { BUNDLE, bundleForMiniflare } from './bundle.ts';

/** Bundles the Worker before the first file of the tests. The processes of the tests inherit the variable. @returns the teardown */
export default async function bundleOnce(): Promise<(() => void) | undefined> {
  if (process.env[BUNDLE] !== undefined) return undefined;
  const directory = await bundleForMiniflare();
  process.env[BUNDLE] = directory;
  return () => rmSync(directory, { recursive: true, force: true });
}
