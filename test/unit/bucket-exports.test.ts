import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { verifiedFilesOutput, verifyFiles } from '../../src/cli/verify-files.ts';
import { BucketExports } from '../../src/tenant/bucket-exports.ts';
import { PART_BYTES, type RecordsBucket, upload } from '../../src/tenant/bucket-upload.ts';
import { parseTenantId } from '../../src/tenant/contract/call.ts';
import { signHead } from '../../src/tenant/records/anchors.ts';
import {
  EARLY_EXPORT_RECORDS,
  exportDebt,
  exported,
  planExport,
  RECORDS_PER_OBJECT,
} from '../../src/tenant/records/bucket-plan.ts';
import { headSignerOf } from '../../src/tenant/records/head-signer.ts';
import { createdCompartment } from '../support/compartment.ts';
import { FakeBucket } from '../support/fake-bucket.ts';
import { START } from '../support/fake-time.ts';

const SIGNER = headSignerOf([{ kid: 'k1', secret: new Uint8Array(32).fill(1) }]);
const OTHER = headSignerOf([{ kid: 'k1', secret: new Uint8Array(32).fill(2) }]);
const FALSE_HEAD = signHead(SIGNER, 'test', { id: 4, at: START, head: 'of another chain' });
const DAY_MS = 86_400_000;
const folder = mkdtempSync(join(tmpdir(), 'bulkhead-exports-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A tenant whose records are exported to a bucket in memory. */
function exporting(bucket: RecordsBucket | undefined) {
  const wakes: number[] = [];
  const tenant = createdCompartment({ headSigner: SIGNER, recorded: (last) => exports.recorded(last) });
  const exports: BucketExports = new BucketExports({
    bucket,
    reading: () => tenant.compartment.reading,
    log: (line) => void tenant.lines.push(line),
    wakeWithin: (ms) => void wakes.push(ms),
  });
  const token = tenant.issue();
  const write = (count: number, key = 'k') => {
    for (let n = 0; n < count; n++) tenant.call(token, 'blackboard_write', { key, value: n });
  };
  return { tenant, exports, write, wakes };
}

const idsOf = (bytes: Uint8Array) =>
  gunzipSync(bytes)
    .toString()
    .trim()
    .split('\n')
    .slice(1)
    .map((line): number => JSON.parse(line).id);
const linesOf = (bytes: Uint8Array) => gunzipSync(bytes).toString().trim().split('\n');

let files = 0;
/** Stores each object of a bucket as a file. */
const filesOf = ({ objects }: FakeBucket) =>
  [...objects.values()].map((bytes) => {
    const file = join(folder, `${++files}.ndjson.gz`);
    writeFileSync(file, bytes);
    return file;
  });

describe('records are exported to a bucket', () => {
  test('what is new each night, as files that together are one chain', async () => {
    const bucket = new FakeBucket();
    const { tenant, exports, write } = exporting(bucket);
    write(3);
    expect(await exports.runIfDue()).toBe(false);
    write(2);
    await exports.runIfDue();
    expect(bucket.objects.size).toBe(1);
    tenant.clock.now += DAY_MS;
    await exports.runIfDue();
    await exports.runIfDue();
    expect([...bucket.objects].map(([name, bytes]) => [name, idsOf(bytes)])).toEqual([
      [expect.stringMatching(/^records\/test\/\d{8}T\d{6}Z\/000000000001\.ndjson\.gz$/), [1, 2, 3]],
      [expect.stringMatching(/\/000000000004\.ndjson\.gz$/), [4, 5]],
    ]);
    expect(await verifyFiles(filesOf(bucket).toReversed(), SIGNER)).toEqual({
      tenant: 'test',
      verdict: 'intact',
      first_record: 1,
      last_record: 5,
      records_without_hash: 0,
      anchored: { record: 5, at: expect.any(String) },
      signatures: 'checked',
    });
  });

  test('on demand, and nothing when the bucket has all', async () => {
    const { exports, write } = exporting(new FakeBucket());
    write(2);
    expect(await exports.run()).toMatchObject({
      value: { written: { firstRecord: 1, lastRecord: 2 }, more: false },
    });
    expect(await exports.run()).toEqual({ ok: true, value: { written: undefined, more: false } });
  });

  test('an object at a time, each of a bounded number of records', () => {
    const { tenant, write } = exporting(new FakeBucket());
    write(1);
    tenant.db.exec(`UPDATE ledger SET last_id = ${3 * RECORDS_PER_OBJECT}`);
    const { db } = tenant;
    const range = db.transaction(() => planExport(db, START));
    expect(range).toEqual({ first: 1, last: RECORDS_PER_OBJECT });
    exported(db, RECORDS_PER_OBJECT, START);
    expect(exportDebt(db, START)).toEqual({ records: 2 * RECORDS_PER_OBJECT, isDue: true });
    expect(planExport(db, START)).toEqual({ first: RECORDS_PER_OBJECT + 1, last: 2 * RECORDS_PER_OBJECT });
  });

  test('soon, not at night, when there are many', () => {
    const { tenant, exports, write, wakes } = exporting(new FakeBucket());
    write(1);
    expect(wakes).toEqual([]);
    tenant.db.exec(`UPDATE ledger SET last_id = ${EARLY_EXPORT_RECORDS + 1}`);
    exports.recorded(EARLY_EXPORT_RECORDS + 1);
    exports.recorded(EARLY_EXPORT_RECORDS + 2);
    expect(wakes).toHaveLength(1);
  });

  test.each([
    ['before the object was stored', 'put'],
    ['after it was stored, before that was noted', 'stored'],
  ] as const)('again when the host stopped %s, without a gap or a record twice', async (_when, failing) => {
    const bucket = new FakeBucket();
    const { exports, write, tenant } = exporting(bucket);
    write(3);
    bucket.fails = failing;
    expect(await exports.run()).toMatchObject({ ok: false, error: { reason: 'unavailable' } });
    expect(tenant.lines.at(-1)).toMatchObject({ event: 'records.export_failed', tenant: 'test' });
    bucket.fails = undefined;
    write(2);
    await exports.run();
    await exports.run();
    expect([...bucket.objects.values()].map(idsOf)).toEqual([
      [1, 2, 3],
      [4, 5],
    ]);
  });

  test('no object has a gap: records that are deleted during the export end it', async () => {
    const bucket = new FakeBucket();
    const { exports, write, tenant } = exporting(bucket);
    write(3);
    const reading = tenant.compartment.reading;
    const begin = reading.beginBucketExport.bind(reading);
    reading.beginBucketExport = () => {
      const begun = begin();
      tenant.db.exec('DELETE FROM records WHERE id = 2');
      return begun;
    };
    expect(await exports.run()).toMatchObject({ ok: false });
    expect(bucket.objects.size).toBe(0);
  });

  test('a tenant that was created again meanwhile is exported from its own first record', async () => {
    const { write, tenant } = exporting(new FakeBucket());
    write(3);
    const begun = tenant.compartment.reading.beginBucketExport();
    if (!begun.ok || begun.value === undefined) throw new Error('nothing to export');
    tenant.db.exec('DELETE FROM exports');
    tenant.compartment.reading.endBucketExport(begun.value.range);
    expect(tenant.compartment.reading.beginBucketExport()).toMatchObject({ value: { range: { first: 1 } } });
  });

  test('only where a bucket is bound, which the refusal names', async () => {
    const { exports, write } = exporting(undefined);
    write(1);
    expect(await exports.runIfDue()).toBe(false);
    const refused = await exports.run();
    expect(refused).toMatchObject({ ok: false, error: { reason: 'conflict' } });
    expect(!refused.ok && refused.error.message).toContain(
      'No R2 bucket is bound as RECORDS. Bind one in wrangler.toml',
    );
  });

  test('and deleted with their tenant, but not those of another one', async () => {
    const bucket = new FakeBucket();
    const { exports, write } = exporting(bucket);
    write(1);
    await exports.run();
    bucket.objects.set('records/test-2/x', new Uint8Array());
    expect(await exports.erase(idOf('test'))).toEqual({ ok: true, value: 1 });
    expect([...bucket.objects.keys()]).toEqual(['records/test-2/x']);
    bucket.fails = 'delete';
    expect(await exports.erase(idOf('test-2'))).toMatchObject({
      ok: false,
      error: { reason: 'unavailable' },
    });
  });
});

function idOf(text: string) {
  const id = parseTenantId(text);
  if (id === undefined) throw new Error(text);
  return id;
}

describe('an object is uploaded', () => {
  const random = (bytes: number) => {
    const all = new Uint8Array(bytes);
    for (let at = 0; at < bytes; at += 65_536) crypto.getRandomValues(all.subarray(at, at + 65_536));
    return all;
  };
  const streamOf = (all: Uint8Array, chunk: number) =>
    ReadableStream.from(
      Array.from({ length: Math.ceil(all.length / chunk) }, (_, n) =>
        all.subarray(n * chunk, (n + 1) * chunk),
      ),
    );

  test.each([0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES, 2 * PART_BYTES + 7])(
    'whole: %s bytes',
    async (bytes) => {
      const bucket = new FakeBucket();
      const all = random(bytes);
      expect(await upload(bucket, 'x', streamOf(all, 1_000_003))).toBe(bytes);
      expect(Buffer.compare(bucket.objects.get('x') ?? new Uint8Array(1), all)).toBe(0);
      expect(bucket.partSizes.slice(0, -1).every((size) => size === PART_BYTES)).toBe(true);
    },
  );

  test('or not at all', async () => {
    const bucket = new FakeBucket();
    bucket.fails = 'part';
    await expect(upload(bucket, 'x', streamOf(random(2 * PART_BYTES), PART_BYTES))).rejects.toThrow();
    expect([bucket.objects.size, bucket.aborted]).toEqual([0, 1]);
  });
});

describe('exported files are checked without the server', () => {
  async function twoFiles(key = 'k'): Promise<string[][]> {
    const bucket = new FakeBucket();
    const { exports, write } = exporting(bucket);
    write(4, key);
    await exports.run();
    write(4);
    await exports.run();
    return [...bucket.objects.values()].map(linesOf);
  }
  const store = (texts: readonly string[][]) =>
    texts.map((lines) => {
      const file = join(folder, `${++files}.ndjson.gz`);
      writeFileSync(file, gzipSync(`${lines.join('\n')}\n`));
      return file;
    });
  const altered = (line: string | undefined, change: object) =>
    JSON.stringify({ ...JSON.parse(line ?? ''), ...change });
  const signedHeadsOf = (line: string | undefined) => JSON.parse(line ?? '').signed_heads;

  test.each<[string, (first: string[], second: string[]) => unknown, object | undefined]>([
    ['nothing is done', () => {}, undefined],
    [
      'a value is altered',
      (first) => first.splice(2, 1, altered(first[2], { token_id: 'x' })),
      { record: 2, what: 'altered' },
    ],
    ['a record is removed', (first) => first.splice(2, 1), { record: 2, what: 'missing' }],
    [
      'two records are swapped',
      (first) => first.splice(2, 2, first[3] ?? '', first[2] ?? ''),
      { record: 2, what: 'missing' },
    ],
    ['the end is cut off', (_, second) => second.pop(), { record: 7, what: 'end_missing' }],
    [
      'the end is cut off, and the range as well',
      (_, second) => {
        second.pop();
        second.splice(0, 1, altered(second[0], { last_record: 7 }));
      },
      { record: 7, what: 'end_missing' },
    ],
    [
      'a whole file follows another chain',
      (_, second) => second.splice(0, 1, altered(second[0], { hash_before: 'x' })),
      { record: 5, what: 'altered' },
    ],
    [
      'a signed head is of another record',
      (first) => first.splice(0, 1, altered(first[0], { signed_heads: [FALSE_HEAD] })),
      { record: 4, what: 'altered' },
    ],
  ])('when %s', async (_name, change, broken) => {
    const [first = [], second = []] = await twoFiles();
    change(first, second);
    const found = await verifyFiles(store([first, second]), SIGNER);
    expect(found.verdict).toBe(broken === undefined ? 'intact' : 'broken');
    if (broken !== undefined) expect(found.broken).toMatchObject(broken);
    expect(verifiedFilesOutput(found).isBad).toBe(broken !== undefined);
  });

  test('one alone, one twice, and what lies between two', async () => {
    const [first = [], second = []] = await twoFiles();
    expect(await verifyFiles(store([second]), SIGNER)).toMatchObject({ verdict: 'intact', first_record: 5 });
    expect((await verifyFiles(store([first, first, second]), SIGNER)).verdict).toBe('intact');
    const other = await twoFiles('other');
    expect((await verifyFiles(store([first, other[0] ?? []]), SIGNER)).broken).toMatchObject({ record: 4 });
    const third = [altered(second[0], { first_record: 7, hash_before: '' }), ...second.slice(3)];
    expect((await verifyFiles(store([first, third]), SIGNER)).broken).toMatchObject({
      record: 5,
      what: 'missing',
    });
  });

  test('a file of another deployment, or checked without a key, is not anchored', async () => {
    const texts = await twoFiles();
    expect(signedHeadsOf(texts[0]?.[0])).toHaveLength(1);
    expect(await verifyFiles(store(texts), OTHER)).toMatchObject({ verdict: 'intact', anchored: undefined });
    const unchecked = await verifyFiles(store(texts), undefined);
    expect(verifiedFilesOutput(unchecked).text).toContain('set TOKEN_KEYS');
  });

  test.each([
    ['no file', 'absent.ndjson.gz', undefined, 'There is no file'],
    ['no gzip', 'plain.ndjson.gz', Buffer.from('{}\n'), 'is not a file that `export` has written'],
    [
      'no export',
      'other.ndjson.gz',
      gzipSync('{"kind":"other"}\n'),
      'is not a file that `export` has written',
    ],
    ['empty', 'empty.ndjson.gz', gzipSync(''), 'is not a file that `export` has written'],
  ])('%s is told by name', async (_name, name, bytes, message) => {
    const file = join(folder, name);
    if (bytes !== undefined) writeFileSync(file, bytes);
    await expect(verifyFiles([file], SIGNER)).rejects.toThrow(
      `${message === 'There is no file' ? message : file}`,
    );
    await expect(verifyFiles([file], SIGNER)).rejects.toThrow(message);
  });

  test('a download that broke off lacks its end', async () => {
    const bucket = new FakeBucket();
    const { exports, write } = exporting(bucket);
    write(400);
    await exports.run();
    const [bytes = new Uint8Array()] = bucket.objects.values();
    const file = join(folder, 'half.ndjson.gz');
    writeFileSync(file, bytes.subarray(0, bytes.length / 2));
    expect((await verifyFiles([file], SIGNER)).broken).toMatchObject({ what: 'end_missing' });
  });
});
