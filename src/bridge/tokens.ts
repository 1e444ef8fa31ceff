/**
 * Where the bearer token of each request comes from: from the user, or from a sign-in.
 * Methods that may wait for a person reject with a `TransportFailure` that says what to do.
 */
export interface TokenSource {
  /** The token to send now. */
  current(): Promise<string>;
  /** Another token in place of one that the server has refused with 401; undefined if there is none. */
  replace(refused: string): Promise<string | undefined>;
  /** The server has taken a token. */
  accepted(): void;
  /** What the user does when the server refuses the token: a sentence. */
  readonly remedy: string;
  /** The text without the tokens that this source has given out. */
  hide(text: string): string;
  /** Ends what is waited for. */
  close(): void;
}

/** A token that the user has set. */
export function fixedToken(token: string): TokenSource {
  return {
    current: async () => token,
    replace: async () => undefined,
    accepted: () => {},
    remedy: 'Set a valid token in BULKHEAD_TOKEN or in the token file, then restart.',
    hide: (text) => text.replaceAll(token, '…'),
    close: () => {},
  };
}
