import type { TraceContext } from '../trace.ts';
import type { AttributeName } from './names.ts';

export type Attributes = Readonly<Partial<Record<AttributeName, string | number | undefined>>>;

/** A span that has ended. It is plain data, made when everything about it is known: no span is ever "active". */
export interface Span {
  readonly trace: TraceContext;
  readonly name: string;
  readonly kind: 'server' | 'internal';
  /** Milliseconds since the epoch. */
  readonly startMs: number;
  readonly endMs: number;
  /** With `error.type` among them the span has the status ERROR. */
  readonly attributes: Attributes;
}
