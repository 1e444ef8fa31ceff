import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { openDatabase } from '../../src/local/database.ts';
import { readMigrations } from '../../src/local/migrations.ts';
import { migrate } from '../../src/tenant/storage/migrate.ts';
import { ANSWER_BYTES } from '../../src/tools/answer-budget.ts';
import { scarLookup } from '../../src/tools/scar/lookup.ts';
import { scarRecord } from '../../src/tools/scar/record.ts';
import type { ToolContext } from '../../src/tools/tool.ts';

/**
 * Measures how well failures are recognised. Of each labelled pair the first text is recorded and the second looked up,
 * by the tools themselves, with nothing else to go by: one error type and one tool for all. A pair is matched when the
 * lookup says `exact` or `similar` and answers with the recorded scar.
 */

const pairSchema = z.strictObject({ a: z.string(), b: z.string(), same: z.boolean(), note: z.string() });
type Pair = z.output<typeof pairSchema>;

const NAMES = { error_type: 'Error', tool: 'shell' };
function notNeeded(): never {
  throw new Error('not needed to measure');
}

function openMemory(): ToolContext {
  const sql = openDatabase();
  migrate(sql, readMigrations());
  let rev = 0;
  return {
    sql,
    now: Date.UTC(2026, 0, 1),
    author: { principal: 'bench' },
    nextRev: () => ++rev,
    headRev: () => rev,
    mayWait: false,
    answerBytes: ANSWER_BYTES,
    requireWritable: () => undefined,
    requireReadable: () => undefined,
    waited: false,
    keepsExpiries: notNeeded,
    allowance: notNeeded,
    touch: notNeeded,
    seal: notNeeded,
    unseal: notNeeded,
  };
}

const answerSchema = z.looseObject({
  scar_id: z.string().optional(),
  match: z.string().optional(),
  scars: z.array(z.looseObject({ scar_id: z.string() })).optional(),
});

function record(memory: ToolContext, error_message: string): string | undefined {
  const args = scarRecord.input.parse({ ...NAMES, error_message });
  return answerSchema.parse(scarRecord.run(args, memory)).scar_id;
}

/** How the recorded scar was found, or `none`. */
function lookUp(memory: ToolContext, error_message: string, scarId: string | undefined): string {
  const found = answerSchema.parse(
    scarLookup.run(scarLookup.input.parse({ ...NAMES, error_message }), memory),
  );
  return found.scars?.some((scar) => scar.scar_id === scarId) ? (found.match ?? 'none') : 'none';
}

export interface Measured {
  readonly pair: Pair;
  readonly match: string;
}

/** All pairs in one memory: whether the right scar is among the first three of many. */
export function measure(pairs: readonly Pair[]): Measured[] {
  const memory = openMemory();
  const ids = pairs.map((pair) => record(memory, pair.a));
  return pairs.map((pair, i) => ({ pair, match: lookUp(memory, pair.b, ids[i]) }));
}

export function figures(measured: readonly Measured[]) {
  const matched = measured.filter(({ match }) => match !== 'none');
  const right = matched.filter(({ pair }) => pair.same).length;
  const same = measured.filter(({ pair }) => pair.same).length;
  return {
    precision: matched.length === 0 ? 1 : right / matched.length,
    recall: same === 0 ? 1 : right / same,
    exact: measured.filter(({ pair, match }) => pair.same && match === 'exact').length,
    same,
    pairs: measured.length,
  };
}

export const SETS = {
  /** The rules were improved by these. Half of them measured at first, until they were read as well. */
  tuned: 'failure-pairs.json',
  /** Written before the rules for noise and names, from ecosystems that the others lack. */
  'held out': 'failure-pairs-held-out.json',
  /** Written after those rules and before the ones that compare what the first two sets confuse. */
  unseen: 'failure-pairs-unseen.json',
} as const;

export const readPairs = (file: string) =>
  z.array(pairSchema).parse(JSON.parse(readFileSync(new URL(`../vectors/${file}`, import.meta.url), 'utf8')));
