import * as z from 'zod';
import { ToolError } from '../errors.ts';
import { count, waitSeconds } from '../fields.ts';
import { defineTool, NotYet, type Sql } from '../tool.ts';

/** How often an agent that does not wait should ask, in milliseconds. */
export const POLL_MS = 5000;

const HANDLE = /^ap_[0-9a-f]{24}$/;

/** Touched when a held call is decided or has ended. */
export const approvalTopic = (id: string) => `approval ${id}`;

/** The answer of `tenant_approval` for a held call that was run. @param json the answer of its tool */
export const redeemedAnswer = (json: string) => `{"status":"done","answer":${json}}`;

const STATUSES = ['pending', 'running', 'done', 'refused', 'expired', 'unknown'] as const;

type Row = {
  state: string;
  token_id: string;
  expires_at: number;
  reason: string | null;
  result: string | null;
};

const output = z.strictObject({
  status: z
    .enum(STATUSES)
    .describe(
      '`done`: it ran, once. `unknown`: it was begun and nobody learned how it ended; it is never repeated.',
    ),
  answer: z.looseObject({}).optional().describe('The answer of the tool, if it is still stored.'),
  reason: z.string().optional().describe('Why a person has refused it.'),
  expires_in_s: count().optional().describe('How long a person can still decide.'),
  retry_after_ms: count().optional(),
  hint: z.string().optional(),
});

/**
 * What has become of a held call. The pipeline runs a call that is approved before this tool is asked, so that it sees only
 * those that cannot be run.
 */
export const tenantApproval = defineTool({
  name: 'tenant_approval',
  title: 'Redeem a held call',
  description:
    'For a call that failed with pending_approval: once a person approves, runs it and answers for it.',
  scope: 'any',
  cost: 1,
  grows: false,
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
  input: z.strictObject({
    approval_id: z.string().min(1).max(64),
    wait_s: waitSeconds().describe('Up to 25.'),
  }),
  output,
  log: { approval_id: 'plain', wait_s: 'plain' },
  run({ approval_id: id }, { sql, author, now, mayWait }): z.output<typeof output> | NotYet {
    const row = HANDLE.test(id) ? find(sql, id) : undefined;
    // A handle is worth nothing to another token.
    if (row === undefined || row.token_id !== author.principal) throw unknownHandle();
    const left = Math.max(0, row.expires_at - now);
    switch (row.state) {
      case 'pending':
      case 'approved':
        if (left === 0) return EXPIRED;
        if (mayWait) return new NotYet(approvalTopic(id), row.expires_at);
        return { status: 'pending', expires_in_s: Math.ceil(left / 1000), retry_after_ms: POLL_MS };
      case 'running':
        if (mayWait) return new NotYet(approvalTopic(id));
        return { status: 'running', retry_after_ms: POLL_MS };
      case 'refused':
        return { status: 'refused', reason: row.reason ?? undefined, hint: REFUSED };
      case 'expired':
        return EXPIRED;
      case 'done':
        return ended(row);
      default:
        return { status: 'unknown', hint: UNKNOWN };
    }
  },
});

const REFUSED = 'A person has refused the call. Do not repeat it; do what the reason says.';
const EXPIRED = {
  status: 'expired',
  hint: 'Nobody decided in time, or it was not redeemed in time. Nothing was done.',
} as const;
const UNKNOWN =
  'The call was begun, and its end was lost. Look at what it should have changed before you do anything; it is not repeated.';
const NOT_STORED = 'It ran, and its answer was too large to be stored.';

function find(sql: Sql, id: string): Row | undefined {
  const [row] = sql.exec<Row>(
    'SELECT state, token_id, expires_at, reason, result FROM held_calls WHERE id = ?',
    id,
  );
  return row;
}

const unknownHandle = () =>
  new ToolError(
    'unknown_handle',
    'There is no held call of this token with this approval_id; it is forgotten a day after it ended. Call the tool itself again.',
  );

/** What the tool has answered, for whoever asks again. @throws ToolError the error with which it ended */
function ended({ result }: Row): z.output<typeof output> {
  if (result === null) return { status: 'done', hint: NOT_STORED };
  const { answer, error } = JSON.parse(result);
  if (error === undefined) return { status: 'done', answer };
  const { code, message, retryable: _, trace_id: __, ...detail } = error;
  throw new ToolError(code, message, detail);
}
