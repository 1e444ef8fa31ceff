import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import * as z from 'zod';
import { parseSigningKeys } from '../config.ts';
import { LineSplitter } from '../json/lines.ts';
import { type Anchor, type HeadSigner, isSigned } from '../tenant/records/anchors.ts';
import { isIntact } from '../tenant/records/chain.ts';
import { headSignerOf } from '../tenant/records/head-signer.ts';
import type { RecordRow } from '../tenant/records/record.ts';
import { readDevVars } from './dev-vars.ts';
import type { Output } from './tenant-output.ts';
import { CliError, printable } from './terminal.ts';

/** `verify --file`: checks exported records without the server that wrote them. */

/** A first line has up to 1,000 signed heads, a record its redacted arguments. */
const MAX_LINE_BYTES = 4 * 1024 * 1024;

const anchorSchema = z.object({
  id: z.int(),
  at: z.number(),
  head: z.string(),
  kid: z.string(),
  mac: z.string(),
});
const headSchema = z.object({
  kind: z.literal('export'),
  tenant: z.string(),
  first_record: z.int(),
  last_record: z.int(),
  hash_before: z.string(),
  signed_heads: z.array(anchorSchema),
});
type Head = z.infer<typeof headSchema>;
const cell = z.union([z.string(), z.number(), z.null()]);
const rowSchema = z
  .object({ kind: z.literal('record'), id: z.int(), size: z.int(), hash: z.string() })
  .catchall(cell);

interface Finding {
  readonly file: string;
  /** The record; for `end_missing` the last one that there is. */
  readonly record: number;
  readonly what: 'altered' | 'missing' | 'end_missing';
}

/** What a check of files has found. */
export interface VerifiedFiles {
  readonly tenant: string;
  readonly verdict: 'intact' | 'broken';
  readonly broken?: Finding | undefined;
  readonly first_record: number;
  /** The last record that was found intact. */
  readonly last_record: number;
  readonly records_without_hash: number;
  /** The newest record whose signed head agrees. */
  readonly anchored?: { readonly record: number; readonly at: string } | undefined;
  /** `unchecked`: there is no key here with which the heads could be checked. */
  readonly signatures: 'checked' | 'unchecked';
}

/** The signer of this deployment, from `TOKEN_KEYS` or `.dev.vars`; undefined when there is neither. @throws CliError `usage` */
export function headSigner(env: Readonly<Record<string, string | undefined>>): HeadSigner | undefined {
  const text = env.TOKEN_KEYS ?? readDevVars()?.TOKEN_KEYS;
  if (text === undefined || text === '') return undefined;
  const [first, ...others] = parseSigningKeys(text) ?? [];
  if (first !== undefined) return headSignerOf([first, ...others]);
  throw new CliError('usage', 'TOKEN_KEYS must be keys as in .dev.vars: ID:SECRET, the newest first.');
}

/** @throws CliError `file` when one cannot be read, is no export, or is of another tenant than the others */
export async function verifyFiles(
  files: readonly string[],
  signer: HeadSigner | undefined,
): Promise<VerifiedFiles> {
  const found: { file: string; head: Head }[] = [];
  for (const file of files) found.push({ file, head: await headOf(file) });
  const ordered = found.toSorted((a, b) => a.head.first_record - b.head.first_record);
  const tenant = ordered[0]?.head.tenant ?? '';
  const stranger = ordered.find(({ head }) => head.tenant !== tenant);
  if (stranger !== undefined)
    throw new CliError(
      'file',
      `${stranger.file} is of tenant ${printable(stranger.head.tenant)}, the others of ${printable(tenant)}. Check the files of one tenant at a time.`,
    );
  const chain = new FileChain(tenant, signer);
  for (const { file, head } of ordered) {
    const broken = await chain.check(file, head);
    if (broken !== undefined) return chain.verdict(broken);
  }
  return chain.verdict(undefined);
}

/** The chain over files that follow each other, in the order of their first records. */
class FileChain {
  readonly #tenant: string;
  readonly #signer: HeadSigner | undefined;
  #first: number | undefined;
  /** The newest record that was found intact. */
  #last: { id: number; hash: string } | undefined;
  #withoutHash = 0;
  #anchor: Anchor | undefined;

  constructor(tenant: string, signer: HeadSigner | undefined) {
    this.#tenant = tenant;
    this.#signer = signer;
  }

  async check(file: string, head: Head): Promise<Finding | undefined> {
    const { first_record: first, last_record: last, hash_before } = head;
    const at = (record: number, what: Finding['what']): Finding => ({ file, record, what });
    const known = this.#last;
    if (known !== undefined && first > known.id + 1) return at(known.id + 1, 'missing');
    if (known?.id === first - 1 && known.hash !== hash_before) return at(first, 'altered');
    const heads = this.#trusted(head.signed_heads);
    let before = { id: first - 1, hash: hash_before };
    for await (const row of recordsOf(file)) {
      if (row.id !== before.id + 1) return at(before.id + 1, 'missing');
      // Records of an older release, which stand before the chain.
      const isUnhashed = row.hash === '' && before.hash === '';
      if (isUnhashed) this.#withoutHash++;
      else if (!isIntact(before.hash, row)) return at(row.id, 'altered');
      // Another file has this record as well: the chain makes all before it the same.
      if (row.id === known?.id && row.hash !== known.hash) return at(row.id, 'altered');
      for (const signed of heads.filter(({ id }) => id === row.id)) {
        if (signed.head !== row.hash) return at(row.id, 'altered');
        if (signed.id > (this.#anchor?.id ?? 0)) this.#anchor = signed;
      }
      before = { id: row.id, hash: row.hash };
      if (before.id >= (this.#last?.id ?? 0)) this.#last = before;
    }
    this.#first ??= first;
    const end = Math.max(last, ...heads.map(({ id }) => id));
    return before.id < end ? at(before.id, 'end_missing') : undefined;
  }

  verdict(broken: Finding | undefined): VerifiedFiles {
    const first = this.#first ?? 1;
    return {
      tenant: this.#tenant,
      verdict: broken === undefined ? 'intact' : 'broken',
      broken,
      first_record: first,
      last_record: this.#last?.id ?? first - 1,
      records_without_hash: this.#withoutHash,
      anchored: this.#anchor && { record: this.#anchor.id, at: new Date(this.#anchor.at).toISOString() },
      signatures: this.#signer === undefined ? 'unchecked' : 'checked',
    };
  }

  /** The heads that the deployment has signed. Without its key nothing is known of them. */
  #trusted(heads: readonly Anchor[]): readonly Anchor[] {
    const signer = this.#signer;
    return signer === undefined
      ? []
      : heads.filter((anchor) => isSigned(signer, this.#tenant, anchor) === true);
  }
}

async function headOf(file: string): Promise<Head> {
  for await (const line of linesOf(file)) {
    const head = headSchema.safeParse(line);
    if (head.success) return head.data;
    break;
  }
  throw noExport(file);
}

async function* recordsOf(file: string): AsyncGenerator<RecordRow> {
  let isHead = true;
  for await (const line of linesOf(file)) {
    if (!isHead) yield rowOf(file, line);
    isHead = false;
  }
}

function rowOf(file: string, line: unknown): RecordRow {
  const row = rowSchema.safeParse(line);
  // Columns that are missing or of another type are what a hash finds.
  if (row.success) return row.data as unknown as RecordRow;
  throw noExport(file);
}

const noExport = (file: string) =>
  new CliError('file', `${file} is not a file that \`export\` has written. Name another one with --file.`);

/** The lines of a gzip file, as JSON. @throws CliError `file` */
async function* linesOf(file: string): AsyncGenerator<unknown> {
  let lines: Buffer[] = [];
  const splitter = new LineSplitter(
    {
      onLine: (line) => void lines.push(line),
      onOversizedLine: () => {
        throw noExport(file);
      },
    },
    MAX_LINE_BYTES,
  );
  // An error is raised where the lines are read.
  const text = pipeline(createReadStream(file), createGunzip(), () => {});
  try {
    for await (const chunk of text) {
      splitter.push(chunk);
      for (const line of lines) yield JSON.parse(line.toString('utf8'));
      lines = [];
    }
  } catch (error) {
    if (error instanceof CliError) throw error;
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    // A file that ends too early lacks its last records, which the check of its range finds.
    if (code === 'Z_BUF_ERROR') return;
    if (code === 'ENOENT')
      throw new CliError('file', `There is no file ${file}. Name another one with --file.`);
    throw noExport(file);
  } finally {
    text.destroy();
  }
}

const WHAT = {
  altered: 'was altered, or one before it',
  missing: 'is missing',
  end_missing: 'is the last one: the end is missing',
} as const satisfies Record<Finding['what'], string>;

export function verifiedFilesOutput(answer: VerifiedFiles): Output {
  const { broken, first_record, last_record, anchored, signatures, records_without_hash: old } = answer;
  const found =
    broken === undefined
      ? `intact: records ${first_record} to ${last_record} of ${answer.tenant}.`
      : `broken at ${broken.record} in ${broken.file}: it ${WHAT[broken.what]}.`;
  const unhashed = old === 0 ? [] : [`${old} records of an older release have no hash.`];
  const signed =
    signatures === 'unchecked'
      ? 'The signed heads were not checked: set TOKEN_KEYS to do so. Without them somebody could have written the whole file anew.'
      : anchored === undefined
        ? 'No head that a key of TOKEN_KEYS has signed covers them: somebody could have written the whole file anew.'
        : `Signed up to ${anchored.record} (${anchored.at}).`;
  return {
    document: answer,
    text: printable([found, ...unhashed, signed].join(' ')),
    isBad: broken !== undefined,
  };
}
