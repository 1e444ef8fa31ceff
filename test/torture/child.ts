import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** How long a process may take to end by itself, in milliseconds. */
const STOP_MS = 5000;

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

  /** Lets it end what it does, so that it meets no server that is stopped meanwhile; kills it if that takes too long. */
  async stop(): Promise<void> {
    if (!this.#process.connected) return;
    const exited = once(this.#process, 'exit');
    const late = setTimeout(() => this.#process.kill('SIGKILL'), STOP_MS);
    this.#process.disconnect();
    await exited;
    clearTimeout(late);
  }

  /** Kills it, so that its connections break. */
  async kill(): Promise<void> {
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await exited;
  }
}
