import 'vitest';

declare module 'vitest' {
  /** What vitest.config.ts gives to tests that cannot read the environment themselves. */
  export interface ProvidedContext {
    races: number;
  }
}
