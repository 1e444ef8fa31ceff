/** The id of a JSON-RPC request. */
export type RpcId = string | number;

/** The id, if an answer can carry it. An integer that JavaScript may have rounded is none: nobody waits for the rounded one. */
export function readableId(id: unknown): RpcId | undefined {
  if (typeof id === 'string') return id;
  if (typeof id !== 'number' || !Number.isFinite(id)) return undefined;
  return Number.isInteger(id) && !Number.isSafeInteger(id) ? undefined : id;
}
