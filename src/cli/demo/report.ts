import { printable } from '../terminal.ts';

const GREEN = '\u001b[32m';
const RED = '\u001b[31m';
const BOLD = '\u001b[1m';
const RESET = '\u001b[0m';

/** What happened, told line by line, and whether all of it held. */
export class Report {
  readonly #colour: boolean;
  #held = 0;
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

  say(text: string): void {
    console.log(`    ${printable(text)}`);
  }

  /** One thing that must hold. */
  check(text: string, held: boolean): void {
    if (held) this.#held++;
    else this.#failed++;
    const mark = held ? this.#paint(GREEN, '✓') : this.#paint(RED, '✗');
    console.log(`  ${mark} ${printable(text)}`);
  }

  summary(): void {
    const total = this.#held + this.#failed;
    console.log(
      this.#failed === 0
        ? `\nAll ${total} held.`
        : `\n${this.#failed} of ${total} did not hold: see the lines with ✗.`,
    );
  }

  #paint(code: string, text: string): string {
    return this.#colour ? `${code}${text}${RESET}` : text;
  }
}
