import { createHash } from 'node:crypto';
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

/** The half that the rules may be improved by, and the half that only ever measures them. */
const HALVES = ['tuned', 'held out'] as const;
type Half = (typeof HALVES)[number];

const NAMES = { error_type: 'Error', tool: 'shell' };
const AIM = { precision: 0.98, recall: 0.9 };

function halfOf(pair: Pair): Half {
  const digest = createHash('sha256').update(`${pair.a}\n${pair.b}`).digest();
  return (digest[0] ?? 0) % 2 === 0 ? 'tuned' : 'held out';
}

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
    waited: false,
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

interface Measured {
  readonly pair: Pair;
  readonly match: string;
}

/** Each pair in a memory of its own. */
const apart = (pairs: readonly Pair[]): Measured[] =>
  pairs.map((pair) => {
    const memory = openMemory();
    return { pair, match: lookUp(memory, pair.b, record(memory, pair.a)) };
  });

/** All pairs in one memory: whether the right scar is among the first three of many. */
function together(pairs: readonly Pair[]): Measured[] {
  const memory = openMemory();
  const ids = pairs.map((pair) => record(memory, pair.a));
  return pairs.map((pair, i) => ({ pair, match: lookUp(memory, pair.b, ids[i]) }));
}

function figures(measured: readonly Measured[]) {
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

function line(name: string, measured: readonly Measured[]): string {
  const { precision, recall, exact, same, pairs } = figures(measured);
  return [
    name.padEnd(22),
    `precision ${precision.toFixed(3)}`,
    `recall ${recall.toFixed(3)}`,
    `(${exact} of ${same} by fingerprint; ${pairs} pairs)`,
  ].join('  ');
}

const file = new URL('../vectors/failure-pairs.json', import.meta.url);
const pairs = z.array(pairSchema).parse(JSON.parse(readFileSync(file, 'utf8')));
const measured = apart(pairs);
for (const half of HALVES)
  console.log(
    line(
      half,
      measured.filter(({ pair }) => halfOf(pair) === half),
    ),
  );
console.log(line('all', measured));
console.log(line('all, in one memory', together(pairs)));
for (const half of HALVES) {
  for (const { pair, match } of measured) {
    if (halfOf(pair) !== half || pair.same === (match !== 'none')) continue;
    console.log(`${half}: ${pair.same ? 'missed' : `false match (${match})`}: ${pair.note}`);
  }
}
const { precision, recall } = figures(measured);
if (precision < AIM.precision || recall < AIM.recall) {
  console.log(`The aim is precision ${AIM.precision} at recall ${AIM.recall}.`);
  process.exitCode = 1;
}
