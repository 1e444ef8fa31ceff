/** How the records name the operator. */

/** The tool of the records of what the operator has changed. */
export const OPERATOR_TOOL = 'admin';
/** The transport of everything that the operator does, which is not the tenant's use. */
export const OPERATOR_TRANSPORT = 'admin';
/** What all records of changes have in common: they are no call of a tool. */
export const CHANGE = {
  tool: OPERATOR_TOOL,
  transport: OPERATOR_TRANSPORT,
  waitMs: 0,
  times: 1,
  scope: null,
  errorId: null,
  retryAfterMs: null,
  session: null,
  client: null,
  clientVersion: null,
  protocol: null,
  bytesIn: 0,
  bytesOut: 0,
  work: 0,
  savedMicroUsd: 0,
} as const;
/** In place of a token: there is one admin key, so nobody is told apart by it. */
export const OPERATOR_TOKEN = 'operator';

interface Called {
  readonly transport: string;
  readonly tool: string;
}

/** Whether a record is of something that the operator has looked at in the console. */
export const isOperatorRead = ({ transport, tool }: Called) =>
  transport === OPERATOR_TRANSPORT && tool !== OPERATOR_TOOL;
