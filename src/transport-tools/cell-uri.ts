/** `blackboard://{run_id}/{key}`: how MCP names a cell of the blackboard as a resource. */

export const CELL_URI_TEMPLATE = 'blackboard://{run_id}/{key}';
/** Above the longest URI of a cell: each of 384 characters is written as up to four, of which one takes 12 in a URI. */
const MAX_URI_CHARS = 20_000;
const CELL_URI = /^blackboard:\/\/([^/?#]+)\/([^?#]+)$/i;

export interface CellName {
  readonly run_id: string;
  readonly key: string;
}

/** The cell's URI: each part percent-encoded (RFC 3986, section 2.1), the key's `/` as it is. */
export function cellUri({ run_id, key }: CellName): string {
  return `blackboard://${encodeURIComponent(run_id)}/${key.split('/').map(encodeURIComponent).join('/')}`;
}

/**
 * The cell that a URI names, or undefined when it cannot name one. A `/` of the key may be percent-encoded, which is
 * what expanding the template makes of it (RFC 6570, section 3.2.2).
 */
export function parseCellUri(uri: string): CellName | undefined {
  if (uri.length > MAX_URI_CHARS) return undefined;
  const [, run, key] = CELL_URI.exec(uri) ?? [];
  if (run === undefined || key === undefined) return undefined;
  try {
    return { run_id: decodeURIComponent(run), key: decodeURIComponent(key) };
  } catch {
    // A `%` that encodes nothing.
    return undefined;
  }
}

/**
 * The cells that URIs name, each with the first URI that names it. Clients compare URIs as texts, so a client is notified
 * of a cell under one URI that it has used: the first one.
 */
export function firstUris(uris: readonly string[]): (CellName & { readonly uri: string })[] {
  const cells = new Map<string, CellName & { readonly uri: string }>();
  for (const uri of uris) {
    const cell = parseCellUri(uri);
    if (cell === undefined) continue;
    const canonical = canonicalUri(cell);
    if (!cells.has(canonical)) cells.set(canonical, { uri, ...cell });
  }
  return [...cells.values()];
}

/** One URI for all spellings of a cell: names are stored in Unicode's composed form. */
export const canonicalUri = ({ run_id, key }: CellName) =>
  cellUri({ run_id: run_id.normalize('NFC'), key: key.normalize('NFC') });
