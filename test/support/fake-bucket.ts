import type { RecordsBucket } from '../../src/tenant/bucket-upload.ts';

/** A bucket in memory, which fails where a test wants it to. */
export class FakeBucket implements RecordsBucket {
  readonly objects = new Map<string, Uint8Array>();
  readonly partSizes: number[] = [];
  aborted = 0;
  /** `stored`: the object is there, but the answer is lost. */
  fails: 'put' | 'stored' | 'part' | 'delete' | undefined;

  async put(name: string, bytes: Uint8Array): Promise<void> {
    if (this.fails === 'put') throw new Error('the bucket is unreachable');
    this.objects.set(name, bytes.slice());
    if (this.fails === 'stored') throw new Error('the answer is lost');
  }

  async createMultipartUpload(name: string) {
    const parts: Uint8Array[] = [];
    return {
      uploadPart: async (partNumber: number, bytes: Uint8Array) => {
        if (this.fails === 'part') throw new Error('the part is lost');
        parts[partNumber - 1] = bytes.slice();
        this.partSizes.push(bytes.byteLength);
        return { partNumber, etag: String(partNumber) };
      },
      complete: async () => void this.objects.set(name, Buffer.concat(parts)),
      abort: async () => void this.aborted++,
    };
  }

  async list({ prefix }: { prefix: string }) {
    const objects = [...this.objects.keys()].filter((key) => key.startsWith(prefix)).map((key) => ({ key }));
    return { objects, truncated: false };
  }

  async delete(names: string[]): Promise<void> {
    if (this.fails === 'delete') throw new Error('the bucket is locked');
    for (const name of names) this.objects.delete(name);
  }
}
