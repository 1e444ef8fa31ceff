import { printable } from '../terminal.ts';

const GREEN = '\u001b[32m';
const RED = '\u001b[31m';
const BOLD = '\u001b[1m';
const RESET = '\u001b[0m';

/** Prints what the demo does line by line, and counts which checks passed. */
export class Report {
  readonly #colour: boolean;
  #passed = 0;
  #failed = 0;

  constructor(colour: boolean) {
    this.#colour = colour;
  }

  get failed(): number {
    return this.#failed;
  }

  title(text: string): void {
    console.log(`\n${this.#paint(BOLD, text)}`);
  }

  note(text: string): void {
    console.log(`    ${printable(text)}`);
  }

  /** Prints and counts one check. */
  check(text: string, passed: boolean): void {
    if (passed) this.#passed++;
    else this.#failed++;
    const mark = passed ? this.#paint(GREEN, '✓') : this.#paint(RED, '✗');
    console.log(`  ${mark} ${printable(text)}`);
  }

  summary(): void {
    const total = this.#passed + this.#failed;
    console.log(
      this.#failed === 0
        ? `\nAll ${total} checks passed.`
        : `\n${this.#failed} of ${total} checks failed: see the lines with ✗.`,
    );
  }

  #paint(code: string, text: string): string {
    return this.#colour ? `${code}${text}${RESET}` : text;
  }
}
