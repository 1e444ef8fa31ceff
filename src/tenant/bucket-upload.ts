/** The part of an R2 bucket that exported records need. */
export interface RecordsBucket {
  put(name: string, bytes: Uint8Array): Promise<unknown>;
  createMultipartUpload(name: string): Promise<MultipartUpload>;
  list(query: { prefix: string }): Promise<{ objects: readonly { key: string }[]; truncated: boolean }>;
  delete(names: string[]): Promise<void>;
}

interface MultipartUpload {
  uploadPart(number: number, bytes: Uint8Array): Promise<UploadedPart>;
  complete(parts: UploadedPart[]): Promise<unknown>;
  abort(): Promise<void>;
}
interface UploadedPart {
  partNumber: number;
  etag: string;
}

/** R2 takes parts of one size from 5 MiB on; the last one may be smaller. */
export const PART_BYTES = 5 * 1024 * 1024;

/**
 * Stores a stream as one object, with at most two parts and one chunk of it in memory. The object appears whole or not at all.
 * @returns its bytes
 */
export async function upload(
  bucket: RecordsBucket,
  name: string,
  body: ReadableStream<Uint8Array>,
): Promise<number> {
  const parts = partsOf(body);
  const first = await parts.next();
  const second = await parts.next();
  const bytes = first.done ? new Uint8Array() : first.value;
  if (!second.done) return uploadParts(bucket, name, [bytes, second.value], parts);
  await bucket.put(name, bytes);
  return bytes.byteLength;
}

async function uploadParts(
  bucket: RecordsBucket,
  name: string,
  begun: readonly Uint8Array[],
  rest: AsyncIterable<Uint8Array>,
): Promise<number> {
  const multipart = await bucket.createMultipartUpload(name);
  const uploaded: UploadedPart[] = [];
  let bytes = 0;
  const add = async (part: Uint8Array) => {
    uploaded.push(await multipart.uploadPart(uploaded.length + 1, part));
    bytes += part.byteLength;
  };
  try {
    for (const part of begun) await add(part);
    for await (const part of rest) await add(part);
    await multipart.complete(uploaded);
  } catch (cause) {
    // What is left of it otherwise, R2 deletes after seven days.
    await multipart.abort().catch(() => {});
    throw cause;
  }
  return bytes;
}

/** The stream in parts of `PART_BYTES`, of which the last may be smaller. */
async function* partsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, undefined> {
  let part = new Uint8Array(PART_BYTES);
  let filled = 0;
  for await (const chunk of body) {
    for (let from = 0; from < chunk.byteLength; ) {
      const piece = chunk.subarray(from, from + PART_BYTES - filled);
      part.set(piece, filled);
      filled += piece.byteLength;
      from += piece.byteLength;
      if (filled < PART_BYTES) continue;
      yield part;
      part = new Uint8Array(PART_BYTES);
      filled = 0;
    }
  }
  if (filled > 0) yield part.subarray(0, filled);
}
