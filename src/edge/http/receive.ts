import { ByteReader } from '../../json/byte-reader.ts';
import { RequestIdFinder } from '../../json/request-id.ts';
import type { RpcId } from '../../json/rpc-id.ts';

/** Receiving the bytes of a request's body: once, and bounded in bytes and time. */

export type Received =
  | { readonly kind: 'whole'; readonly text: string }
  /** `id`: of the JSON-RPC request that it is, if it stands in what was read. */
  | { readonly kind: 'too_large'; readonly id: RpcId | undefined }
  | { readonly kind: 'late' };

/**
 * How much of a body that is too large is read and dropped, in multiples of what is allowed. The connection of a client
 * that is still sending when it is answered is reset, and the answer is lost.
 */
const DRAINED_LIMITS = 4;

/**
 * @param late resolves when the body must have ended
 * @throws when the bytes are not UTF-8: replacing them would make two different texts equal (RFC 8259, section 8.1)
 */
export async function receive(request: Request, maxBytes: number, late: Promise<'late'>): Promise<Received> {
  const declared = Number(request.headers.get('content-length') ?? Number.NaN);
  // HTTP enforces the declared length: one read is enough.
  if (declared <= maxBytes) {
    const bytes = await Promise.race([request.arrayBuffer(), late]);
    return bytes === 'late' ? { kind: 'late' } : { kind: 'whole', text: wholeDecoder.decode(bytes) };
  }
  if (declared > maxBytes * DRAINED_LIMITS) return { kind: 'too_large', id: undefined };
  return receiveInPieces(request, maxBytes, late);
}

async function receiveInPieces(request: Request, maxBytes: number, late: Promise<'late'>): Promise<Received> {
  const reader = request.body === null ? undefined : new ByteReader(request.body);
  let received = 0;
  let pieces: Uint8Array[] = [];
  /** Set once the body is too large. */
  let finder: RequestIdFinder | undefined;
  const endedOr = (otherwise: () => Received): Received =>
    finder === undefined ? otherwise() : { kind: 'too_large', id: finder.id };
  for (;;) {
    const piece = await Promise.race([reader?.next(maxBytes), late]);
    if (piece === undefined) return endedOr(() => ({ kind: 'whole', text: decoded(pieces) }));
    if (piece !== 'late') {
      received += piece.byteLength;
      pieces.push(piece);
      if (received > maxBytes) {
        finder ??= new RequestIdFinder();
        for (const piece of pieces) finder.push(piece);
        pieces = [];
      }
      if (received <= maxBytes * DRAINED_LIMITS) continue;
    }
    await reader?.cancel();
    return endedOr(() => ({ kind: 'late' }));
  }
}

const newDecoder = () => new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
/** It keeps nothing between two texts that are decoded whole. */
const wholeDecoder = newDecoder();

function decoded(pieces: readonly Uint8Array[]): string {
  const decoder = newDecoder();
  return pieces.map((piece) => decoder.decode(piece, { stream: true })).join('') + decoder.decode();
}
