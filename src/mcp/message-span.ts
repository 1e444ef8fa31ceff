import { ATTRIBUTE, EXECUTE_TOOL } from '../telemetry/otel/names.ts';
import type { Attributes } from '../telemetry/otel/span.ts';
import { redactForLog } from '../telemetry/redact.ts';
import type { MessageEnd } from './message-end.ts';

const MAX_TEXT_CHARS = 128;
const MAX_URI_CHARS = 512;

/** The name of a span is of low cardinality: the method, and the published tool. */
export const messageName = ({ method, tool }: MessageEnd): string =>
  tool === undefined ? method : `${method} ${tool}`;

/** What a span tells of a message. Texts that a client chose are redacted, and neither arguments nor answers are told. */
export function messageAttributes({ method, id, caller, tool, uri, outcome }: MessageEnd): Attributes {
  return {
    [ATTRIBUTE.method]: method,
    [ATTRIBUTE.requestId]: typeof id === 'number' ? String(id) : redactForLog(id, MAX_TEXT_CHARS),
    [ATTRIBUTE.protocolVersion]: clientText(caller.protocolVersion),
    [ATTRIBUTE.tool]: tool,
    [ATTRIBUTE.operation]: tool === undefined ? undefined : EXECUTE_TOOL,
    [ATTRIBUTE.resourceUri]: uri === undefined ? undefined : redactForLog(uri, MAX_URI_CHARS),
    [ATTRIBUTE.client]: clientText(caller.clientName),
    [ATTRIBUTE.clientVersion]: clientText(caller.clientVersion),
    [ATTRIBUTE.status]: outcome.status,
    [ATTRIBUTE.errorType]: outcome.errorType,
    [ATTRIBUTE.rpcStatus]: outcome.rpcStatus === undefined ? undefined : String(outcome.rpcStatus),
    [ATTRIBUTE.errorId]: outcome.errorId,
    [ATTRIBUTE.retryAfterMs]: outcome.retryAfterMs,
  };
}

/** Few clients send most requests, and redaction costs more than the rest of a span. */
const MAX_KNOWN_TEXTS = 256;
const knownTexts = new Map<string, string>();

function clientText(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const known = knownTexts.get(text);
  if (known !== undefined) return known;
  const redacted = redactForLog(text, MAX_TEXT_CHARS);
  if (text.length > MAX_TEXT_CHARS) return redacted;
  if (knownTexts.size >= MAX_KNOWN_TEXTS) knownTexts.clear();
  knownTexts.set(text, redacted);
  return redacted;
}
