import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A process of this folder that answers each message with one of its own. */
export class Child<Report> {
  readonly #process: ChildProcess;

  /** @param task its first message, which it does not answer */
  constructor(file: string, task: object) {
    this.#process = fork(fileURLToPath(new URL(file, import.meta.url)), { stdio: 'inherit' });
    this.#process.send(task);
  }

  async ask(message: object = {}): Promise<Report> {
    const answer = once(this.#process, 'message');
    this.#process.send(message);
    const [report] = await answer;
    return report;
  }

  stop(): void {
    if (this.#process.connected) this.#process.disconnect();
  }

  /** Kills it, so that its connections break. */
  async kill(): Promise<void> {
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await exited;
  }
}
