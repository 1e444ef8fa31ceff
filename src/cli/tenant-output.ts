/** The result of a command. */
export interface Output {
  /** Printed with `--json`, for programs. */
  readonly document: object;
  /** Printed otherwise, for people. */
  readonly text: string;
}
