import { spawnSync } from 'node:child_process';
import { type Block, blocksOf, type Document } from './markdown.ts';

/** A command that a document tells its reader to run. */
export interface Command {
  readonly document: string;
  /** The line of its block. */
  readonly line: number;
  readonly text: string;
  /** What the document says that the command prints. */
  readonly output: string | undefined;
}

/** The commands of a document, in order: of its `sh` blocks, and of its `console` blocks with their output. */
export function commandsOf(document: Document): Command[] {
  return blocksOf(document).flatMap((block) => {
    if (block.language === 'sh') return scriptOf(block);
    return block.language === 'console' ? transcriptOf(block) : [];
  });
}

/** Whether the shell needs more lines to make sense of these. */
function isIncomplete(text: string): boolean {
  return text.endsWith('\\') || spawnSync('bash', ['-n'], { input: text }).status !== 0;
}

/** A script split into its commands, each as long as the shell needs it. */
function scriptOf({ document, line, lines }: Block): Command[] {
  const commands: Command[] = [];
  let text = '';
  for (const next of lines) {
    if (text === '' && /^\s*(#|$)/.test(next)) continue;
    text = text === '' ? next : `${text}\n${next}`;
    if (isIncomplete(text)) continue;
    commands.push({ document, line, text, output: undefined });
    text = '';
  }
  if (text !== '') throw new Error(`${document}:${line}: this is no complete command: ${text}`);
  return commands;
}

/** A transcript: commands after `$ `, continued after `> `, and what each prints. */
function transcriptOf({ document, line, lines }: Block): Command[] {
  const commands: { text: string; output: string[] }[] = [];
  for (const next of lines) {
    const last = commands.at(-1);
    if (next.startsWith('$ ')) commands.push({ text: next.slice(2), output: [] });
    else if (last === undefined) throw new Error(`${document}:${line}: a transcript begins with a command`);
    else if (next.startsWith('> ')) last.text += `\n${next.slice(2)}`;
    else last.output.push(next);
  }
  return commands.map(({ text, output }) => ({ document, line, text, output: output.join('\n') }));
}

const VOLATILE: readonly (readonly [RegExp, string])[] = [
  [/eyJ[\w-]+\.[\w-]+\.[\w-]+/g, 'TOKEN'],
  [/\b[0-9a-f]{16,}\b/g, 'HEX'],
  [/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME'],
  [/(_ms"|_s"|\bwait):? ?\d+/g, '$1 N'],
  [/\b\d+(\.\d+)? (KiB|MiB)\b/g, 'SIZE'],
];

const normalised = (text: string) =>
  VOLATILE.reduce((left, [pattern, name]) => left.replaceAll(pattern, name), text.trimEnd());

/** What `output` of a document shows, as a pattern: `…` stands for anything in its line, and ids, times and sizes for any of their kind. */
export function outputPattern(output: string): RegExp {
  const parts = normalised(output)
    .split('…')
    .map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`);
}

/** Whether a command printed what its document shows. */
export const printsWhatIsShown = (shown: string, printed: string) =>
  outputPattern(shown).test(normalised(printed.replaceAll('\r', '')));
