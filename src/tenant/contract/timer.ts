/** Runs `task` once after `ms` milliseconds. @returns a function that cancels it */
export type Later = (ms: number, task: () => void) => () => void;
