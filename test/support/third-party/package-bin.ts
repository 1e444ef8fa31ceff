import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';

const PACKAGES = new URL('../../../node_modules/', import.meta.url);
const Manifest = z.looseObject({ bin: z.record(z.string(), z.string()) });

/** The file of a command that a package installs. */
export function packageBin(name: string, command: string): string {
  const directory = new URL(`${name}/`, PACKAGES);
  const { bin } = Manifest.parse(JSON.parse(readFileSync(new URL('package.json', directory), 'utf8')));
  const file = bin[command];
  if (file === undefined) throw new Error(`${name} has no command ${command}`);
  return fileURLToPath(new URL(file, directory));
}
