import { readFileSync, writeFileSync } from 'node:fs';
import * as z from 'zod';
import { fingerprintOf, subjectOf } from '../../src/tools/scar/fingerprint.ts';

/**
 * Recomputes `test/vectors/fingerprint-v2.json` from its inputs: `node test/support/write-fingerprint-vectors.ts`.
 * Only while version 2 is unreleased; a released version's vectors never change.
 */

const FILE = new URL('../vectors/fingerprint-v2.json', import.meta.url);

const part = z.string().optional();
const vectors = z.array(
  z.object({
    name: z.string(),
    input: z.strictObject({
      project: part,
      tool: part,
      error_type: z.string(),
      error_code: part,
      error_message: part,
      context: part,
    }),
  }),
);

const recomputed = vectors.parse(JSON.parse(readFileSync(FILE, 'utf8'))).map(({ name, input }) => ({
  name,
  input,
  normalised: subjectOf(input),
  fingerprint: fingerprintOf(input),
}));
writeFileSync(FILE, `${JSON.stringify(recomputed, null, 2)}\n`);
