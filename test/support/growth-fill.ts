/** Fills a tenant with cells, cached answers and failures, by its own tools. */
import type { Sql } from '../../src/tools/tool.ts';

export type Call = (tool: string, args: object) => Record<string, unknown>;

export interface Rows {
  readonly cells: number;
  readonly cached: number;
  readonly scars: number;
}

const BATCH = 20;
const SMALL_BOARDS = 1_000;
export const WORDS = 'report parse deploy index review draft fetch merge schema ticket'.split(' ');

const word = (n: number) => WORDS[n % WORDS.length] ?? '';
/** A word of its own for each number, without digits, which fingerprints leave out. */
const ownWord = (n: number) => `own${[...digits(n)].map((digit) => 'abcdefghij'[Number(digit)]).join('')}`;
const digits = (n: number) => String(n).padStart(7, '0');
/** Each value has `common`; every third `third`; one of all `needle`; and a word and an identifier of its own. */
const valueFor = (n: number) => ({
  text: `common ${n % 3 === 0 ? 'third ' : ''}${n === 7 ? 'needle ' : ''}${word(n)} ${word(n * 7)} own${digits(n)}`,
  path: `src/${word(n * 3)}/step_${n % 977}.ts`,
  note: 'x'.repeat(120),
});

type Cell = { run_id: string; key: string; value: unknown; tags?: string[] };

/** 70 % of the cells are on the board `big`, in folders; 10 % on `held`, all claimed; 20 % on up to 1,000 small boards. */
function* cellsOf(size: number): Generator<Cell> {
  const boards = Math.max(1, Math.min(SMALL_BOARDS, size / 100));
  for (let n = 0; n < size * 0.7; n++) {
    const folder = n % 100 < 60 ? 'queue' : n % 100 < 99 ? `agent-${n % 40}` : 'late';
    const tags = n % 10 === 0 ? ['todo', word(n)] : undefined;
    yield { run_id: 'big', key: `${folder}/item-${digits(n)}`, value: valueFor(n), ...(tags && { tags }) };
  }
  for (let n = 0; n < size * 0.1; n++)
    yield { run_id: 'held', key: `queue/item-${digits(n)}`, value: valueFor(n), tags: ['todo'] };
  const perBoard = Math.floor((size * 0.2) / boards);
  for (let board = 0; board < boards; board++) {
    for (let n = 0; n < perBoard; n++)
      yield { run_id: `small-${digits(board)}`, key: `notes/${digits(n)}`, value: valueFor(n) };
  }
}

export function fill(sql: Sql, now: number, call: Call, { cells, cached, scars }: Rows): void {
  let batch: Cell[] = [];
  const flush = () => {
    const [first] = batch;
    if (first === undefined) return;
    const entries = batch.map(({ run_id: _, ...entry }) => entry);
    call('blackboard_write', { run_id: first.run_id, by: 'filler', entries });
    batch = [];
  };
  for (const cell of cellsOf(cells)) {
    if (batch.length === BATCH || (batch[0]?.run_id ?? cell.run_id) !== cell.run_id) flush();
    batch.push(cell);
  }
  flush();
  // Claiming 100,000 cells one by one takes long. The rows are as blackboard_claim leaves them.
  sql.exec(
    `UPDATE board_cells SET claim_id = 'claim-' || id, claim_by = 'worker', claim_fence = rev, attempts = 1,
       claim_until = ? + id WHERE run_id = 'held'`,
    now + 3_600_000,
  );
  sql.exec(
    `UPDATE board_cells SET done = 1, claim_until = 9007199254740991 WHERE run_id = 'big' AND key LIKE 'agent-7/%'`,
  );
  sql.exec(`UPDATE board_cells SET attempts = 5 WHERE run_id = 'big' AND key LIKE 'late/%00'`);
  for (let n = 0; n < cached; n++) {
    call('cache_set', {
      model: `model-${n % 3}`,
      namespace: `ns-${n % 5}`,
      prompt: `What does ${word(n)} ${digits(n)} do with the ${word(n * 3)}?`,
      response: `It ${word(n)}s. ${'y'.repeat(200)}`,
      tags: ['all', `tag-${n % 100}`],
      ttl_s: 864_000,
    });
  }
  for (let n = 0; n < scars; n++) {
    call('scar_record', {
      error_type: `Error${n % 50}`,
      error_message: `${word(n)} of ${word(n * 3)} ${ownWord(n)} failed while ${word(n * 7)} ran`,
      tool: `tool-${n % 20}`,
      target: `host-${n % 200}`,
      context: `during ${word(n + 1)} of the ${word(n + 2)}`,
      run_id: `run-${n % 10}`,
    });
  }
}
