/** The result of a command. */
export interface Output {
  /** Printed with `--json`, for programs. */
  readonly document: object;
  /** Printed otherwise, for people. */
  readonly text: string;
  /** The command has found something that is not as it must be: the process ends with 1. */
  readonly isBad?: boolean;
}
