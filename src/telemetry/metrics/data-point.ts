/**
 * One call as a data point of Workers Analytics Engine, whose dataset an operator may bind as `METRICS`. A request makes at
 * most 20 calls (a batch), and the platform takes 25 points of it.
 */

/** The platform's limits: bytes of the index, and of all blobs together. */
export const MAX_INDEX_BYTES = 96;
const MAX_BLOB_CHARS = 128;

export interface DataPoint {
  readonly indexes: string[];
  readonly blobs: string[];
  readonly doubles: number[];
}

/** The part of the binding that is used. */
export interface Dataset {
  writeDataPoint(point: DataPoint): void;
}

export interface CallPoint {
  readonly tenant: string;
  readonly tool: string;
  readonly outcome: string;
  readonly code: string;
  readonly status: string;
  readonly client: string;
  readonly durationMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** `blob1` to `blob5`: tool, outcome, code, status, client; `double1` to `double4`: 1, milliseconds, bytes in, bytes out. */
export function dataPointOf(call: CallPoint): DataPoint {
  const { tenant, tool, outcome, code, status, client, durationMs, bytesIn, bytesOut } = call;
  return {
    indexes: [tenant],
    blobs: [tool, outcome, code, status, client].map((text) => text.slice(0, MAX_BLOB_CHARS)),
    doubles: [1, durationMs, bytesIn, bytesOut],
  };
}
