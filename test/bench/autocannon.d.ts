/** What the bench uses of autocannon, which has no types of its own. */
declare module 'autocannon' {
  export interface Request {
    body: string;
  }

  export interface Result {
    errors: number;
    mismatches: number;
    non2xx: number;
  }

  export default function autocannon(options: {
    url: string;
    method: 'POST';
    headers: Readonly<Record<string, string>>;
    connections: number;
    /** Seconds. */
    duration: number;
    /** Called for each connection before its first request. */
    setupClient(client: { setRequests(requests: Request[]): void }): void;
    /** Whether an answer is counted as a match. */
    verifyBody(body: string): boolean;
  }): PromiseLike<Result> & {
    /** `duration` in milliseconds. */
    on(
      event: 'response',
      listener: (client: unknown, status: number, bytes: number, duration: number) => void,
    ): void;
  };
}
