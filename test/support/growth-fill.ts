/**
 * Fills a tenant with cells, cached answers and failures, by its own tools.
 *
 * What is compared is the work for one answer, so an answer has the same number of entries in a tenant of any size, from 1,000 cells
 * on: each folder, board and state that is listed has more cells than a page, a small board has 60, and a small tag of the cache 10
 * entries. What an answer counts is larger in a larger tenant, up to the limit of that count, and so is what a search has to choose from.
 */
import type { Sql } from '../../src/tools/tool.ts';

export type Call = (tool: string, args: object) => Record<string, unknown>;

export interface Rows {
  readonly cells: number;
  readonly cached: number;
  readonly scars: number;
}

const BATCH = 20;
/** More boards than a completion answers with. */
const MIN_SMALL_BOARDS = 140;
const MAX_SMALL_BOARDS = 1_000;
/** The one that is searched. */
const SEARCHED_BOARD = 3;
const CELLS_OF_SEARCHED_BOARD = 60;
/** Numbers of cells, half of which are in `late`, and half in `agent-7`: a page of each. */
const IN_LISTED_FOLDERS = { from: 580, to: 700 };
const ENTRIES_OF_TAG = 10;
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

const isInListedFolder = (n: number) => n >= IN_LISTED_FOLDERS.from && n < IN_LISTED_FOLDERS.to;

function folderOf(n: number): string {
  if (isInListedFolder(n)) return n % 2 === 0 ? 'agent-7' : 'late';
  if (n % 100 < 60) return 'queue';
  return n % 100 < 99 ? `agent-${n % 40}` : 'late';
}

/** 70 % of the cells are on the board `big`, in folders; 10 % on `held`, all claimed; 20 % on up to 1,000 small boards. */
function* cellsOf(size: number): Generator<Cell> {
  for (let n = 0; n < size * 0.7; n++) {
    const tags = n % 10 === 0 && !isInListedFolder(n) ? ['todo', word(n)] : undefined;
    yield {
      run_id: 'big',
      key: `${folderOf(n)}/item-${digits(n)}`,
      value: valueFor(n),
      ...(tags && { tags }),
    };
  }
  for (let n = 0; n < size * 0.1; n++)
    yield { run_id: 'held', key: `queue/item-${digits(n)}`, value: valueFor(n), tags: ['todo'] };
  const boards = Math.min(MAX_SMALL_BOARDS, Math.max(MIN_SMALL_BOARDS, size / 20));
  const perBoard = Math.floor((size * 0.2 - CELLS_OF_SEARCHED_BOARD) / (boards - 1));
  for (let board = 0; board < boards; board++) {
    const cells = board === SEARCHED_BOARD ? CELLS_OF_SEARCHED_BOARD : perBoard;
    for (let n = 0; n < cells; n++)
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
  sql.exec(`UPDATE board_cells SET attempts = 5 WHERE run_id = 'big' AND key LIKE 'late/%'`);
  for (let n = 0; n < cached; n++) {
    call('cache_set', {
      model: `model-${n % 3}`,
      namespace: `ns-${n % 5}`,
      prompt: `What does ${word(n)} ${digits(n)} do with the ${word(n * 3)}?`,
      response: `It ${word(n)}s. ${'y'.repeat(200)}`,
      tags: ['all', `tag-${Math.floor(n / ENTRIES_OF_TAG)}`],
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
