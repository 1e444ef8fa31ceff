import { ProtocolError, ProtocolErrorCode } from '@modelcontextprotocol/server';
import type { ToolErrorDetail } from '../tools/errors.ts';

/** What the next valid request needs, as fields for programs; the same ones as in the error of a tool. */
export type InvalidParamsDetail = ToolErrorDetail & { readonly did_you_mean?: readonly string[] };

/** The error for parameters of a request that is no `tools/call`. @param message what is wrong, then what to do */
export function invalidParams(message: string, detail: InvalidParamsDetail): ProtocolError {
  const data = { code: 'invalid_input', retryable: false, ...detail };
  return new ProtocolError(ProtocolErrorCode.InvalidParams, message, data);
}
