/** Receiving the bytes of a request's body: once, and bounded in bytes and time. */

export type Received =
  | { readonly kind: 'whole'; readonly text: string }
  /** `start`: its first characters, as far as they were read. */
  | { readonly kind: 'too_large'; readonly start: string }
  | { readonly kind: 'late' };

/**
 * How much of a body that is too large is read and dropped, in multiples of what is allowed. The connection of a client
 * that is still sending when it is answered is reset, and the answer is lost.
 */
const DRAINED_LIMITS = 4;
const START_BYTES = 1024;

/**
 * @param late resolves when the body must have ended
 * @throws when the bytes are not UTF-8: replacing them would make two different texts equal (RFC 8259, section 8.1)
 */
export async function receive(request: Request, maxBytes: number, late: Promise<'late'>): Promise<Received> {
  const declared = Number(request.headers.get('content-length') ?? Number.NaN);
  // HTTP enforces the declared length: one read is enough.
  if (declared <= maxBytes) {
    const bytes = await Promise.race([request.arrayBuffer(), late]);
    return bytes === 'late' ? { kind: 'late' } : { kind: 'whole', text: newDecoder().decode(bytes) };
  }
  if (declared > maxBytes * DRAINED_LIMITS) return { kind: 'too_large', start: '' };
  return receiveInPieces(request, maxBytes, late);
}

async function receiveInPieces(request: Request, maxBytes: number, late: Promise<'late'>): Promise<Received> {
  const decoder = newDecoder();
  const reader = request.body?.getReader();
  let received = 0;
  let text = '';
  /** Set once the body is too large. */
  let start: string | undefined;
  const endedOr = (otherwise: () => Received): Received =>
    start === undefined ? otherwise() : { kind: 'too_large', start };
  for (;;) {
    const read = await Promise.race([reader?.read(), late]);
    if (read === undefined || (read !== 'late' && read.done))
      return endedOr(() => ({ kind: 'whole', text: text + decoder.decode() }));
    if (read !== 'late') {
      received += read.value.byteLength;
      if (received <= maxBytes) text += decoder.decode(read.value, { stream: true });
      else start ??= startOf(text, read.value);
      if (received <= maxBytes * DRAINED_LIMITS) continue;
    }
    await reader?.cancel();
    return endedOr(() => ({ kind: 'late' }));
  }
}

const newDecoder = () => new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });

const startOf = (text: string, next: Uint8Array) =>
  text === '' ? new TextDecoder().decode(next.subarray(0, START_BYTES)) : text.slice(0, START_BYTES);
