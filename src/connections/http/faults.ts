import { ToolError } from '../../tools/errors.ts';

/** What the caller of a tool is told when a connection cannot be used. None of it comes from the service. */

export const wrongPath = (name: string, problem: string) =>
  new ToolError(
    'invalid_input',
    `The path of a request to ${name} ${problem}. Send arguments without slashes, dot segments and control characters.`,
  );

export const tooLarge = (what: string, limit: number) =>
  new ToolError('too_large', `${what} Ask for less.`, { limit });

export const redirected = (name: string) =>
  new ToolError(
    'forbidden',
    `The service behind ${name} redirects to another address, which is not followed. Tell the operator.`,
  );

export const unexpectedForm = (name: string) =>
  new ToolError(
    'unavailable',
    `The service behind ${name} has answered in another form than this tool expects. Tell the operator.`,
  );

export function unavailable(name: string, why: string, retryAfterMs: number): ToolError {
  const message = `The service behind ${name} ${why}. Wait ${retryAfterMs} ms, then repeat the call.`;
  return new ToolError('unavailable', message, { retry_after_ms: retryAfterMs });
}

export const notSetUp = (name: string) =>
  new ToolError(
    'forbidden',
    `The connection ${name} is not set up for this tenant. The operator does that with \`tenant connection set\`.`,
  );

export const notDeclared = (name: string) =>
  new ToolError(
    'forbidden',
    `The database of the connection ${name} is not declared for this server. The operator does that with the setting DATABASES.`,
  );

export const notOpened = (name: string) =>
  new ToolError(
    'forbidden',
    `The secret of the connection ${name} cannot be read. The operator enters it again with \`tenant connection rotate\`.`,
  );

/**
 * @param error of the closed list of RFC 6749, or ours
 * @param isAfterLoss whether an earlier renewal did not say how it ended
 */
export function refusedCredential(name: string, error: string, isAfterLoss: boolean): ToolError {
  const lost =
    isAfterLoss && error === 'invalid_grant'
      ? ' A renewal before this one was interrupted, in which its refresh token was probably replaced.'
      : '';
  return new ToolError(
    'forbidden',
    `The token endpoint of ${name} gives no access token (${error}).${lost} The operator checks the credential, and enters it again with \`tenant connection rotate\`.`,
  );
}

export const noKeys = (name: string) =>
  new ToolError(
    'forbidden',
    `The secret of the connection ${name} cannot be read, because the server has no CONNECTION_KEYS. The operator sets the key again that has encrypted it.`,
  );

/** What a status says of a request that the service has refused. */
export function refusedBy(name: string, status: number, retryAfterMs: number): ToolError {
  const service = `The service behind ${name}`;
  switch (status) {
    case 401:
    case 403:
      return new ToolError(
        'forbidden',
        `${service} does not accept this request (${status}). The operator checks its secret.`,
      );
    case 404:
    case 410:
      return new ToolError(
        'unknown_handle',
        `${service} has nothing under this name (${status}). Check the arguments.`,
      );
    default:
      return status >= 400 && status < 500
        ? new ToolError('invalid_input', `${service} refuses this request (${status}). Check the arguments.`)
        : unavailable(name, `has failed (${status})`, retryAfterMs);
  }
}
