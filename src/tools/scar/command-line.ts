import { createHash } from 'node:crypto';
import { redactSecrets } from '../../telemetry/secrets.ts';

/**
 * What a command line does, without how it was called: `cd app && sudo python3 -m pytest tests/cart.py 2>&1 | tail -5` is
 * `pytest cart.py`. Two calls of the same program are then the same action, whatever shell, folder or wrapper they use.
 *
 * Words are taken from left to right, once. It is no shell: what it cannot read stays as it is, and an action that is no
 * command line keeps its words.
 */

/** Quoted texts, operators, and runs of other characters. A quote without an end is an ordinary character. */
const PIECE =
  /"((?:[^"\\]|\\.)*)"|'([^']*)'|(\d?&?>{1,2}&?\d?-?|<{1,3})|(&&|\|\|?&?|;|\n|&)|([^\s"'&|;<>]+|["'])|[ \t\r]+/g;

const MAX_COMMAND_CHARS = 2_048;
const MAX_NESTED = 3;

/** One word, a redirection, or what ends a command. */
type Piece = { readonly kind: 'word' | 'redirect' | 'end'; readonly text: string };

function* piecesOf(line: string): Generator<Piece> {
  let word: string | undefined;
  for (const [match, double, single, redirect, operator, plain] of line.matchAll(PIECE)) {
    const part = double ?? single ?? plain;
    if (part !== undefined) {
      word = (word ?? '') + part;
      continue;
    }
    if (word !== undefined) yield { kind: 'word', text: word };
    word = undefined;
    if (redirect !== undefined) yield { kind: 'redirect', text: match };
    else if (operator !== undefined) yield { kind: 'end', text: operator };
  }
  if (word !== undefined) yield { kind: 'word', text: word };
}

interface Command {
  readonly words: readonly string[];
  /** It reads what the command before it prints. */
  readonly isPiped: boolean;
}

function commandsOf(line: string): Command[] {
  const commands: Command[] = [];
  let words: string[] = [];
  let isPiped = false;
  let skipsWord = false;
  const end = (next: boolean) => {
    if (words.length > 0) commands.push({ words, isPiped });
    words = [];
    isPiped = next;
  };
  for (const { kind, text } of piecesOf(line)) {
    if (kind === 'end') end(text.startsWith('|') && text !== '||');
    else if (kind === 'redirect') {
      if (/^\d$/.test(words.at(-1) ?? '')) words.pop();
      skipsWord = !/&[\d-]$/.test(text);
      continue;
    } else if (!skipsWord) words.push(text);
    skipsWord = false;
  }
  end(false);
  return commands;
}

const ASSIGNMENT = /^[A-Za-z_][A-Za-z0-9_]*=/;

/** Commands that prepare for another. */
const PREPARES = new Set(
  'cd pushd popd export source . set unset true : echo sleep clear umask ulimit nvm conda activate'.split(
    ' ',
  ),
);
/** Programs that only show or shorten what another prints. */
const FILTERS = new Set(
  'tail head tee cat less more grep egrep rg sed awk sort uniq wc cut tr jq column nl'.split(' '),
);

/** Programs that run the program behind them, with the options of theirs that take a value. */
const WRAPPERS: ReadonlyMap<string, RegExp> = new Map([
  ['sudo', /^-[ugCDhpRTr]$/],
  ['doas', /^-[uC]$/],
  ['env', /^-[uSC]$/],
  ['nice', /^-n$/],
  ['ionice', /^-[cn]$/],
  ['stdbuf', /^-[ioe]$/],
  ['timeout', /^-[ks]$/],
  ['gtimeout', /^-[ks]$/],
  ['npx', /^(?:-p|--package)$/],
  ['bunx', /^$/],
  ...[
    'time',
    'nohup',
    'command',
    'exec',
    'builtin',
    'setsid',
    'xvfb-run',
    'unbuffer',
    'winpty',
    'caffeinate',
  ].map((name) => [name, /^$/] as const),
]);
/** The same for those that need a second word: `uv run`. */
const RUNNERS: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries({
    uv: ['run'],
    poetry: ['run'],
    pipenv: ['run'],
    pdm: ['run'],
    rye: ['run'],
    hatch: ['run'],
    pixi: ['run'],
    bundle: ['exec'],
    pnpm: ['exec', 'dlx'],
    yarn: ['exec', 'dlx'],
    npm: ['exec'],
    bun: ['x'],
    mise: ['exec'],
    direnv: ['exec'],
  }).map(([name, words]) => [name, new Set(words)]),
);
const RUNNER_VALUE = /^(?:--with|--python|--extra|--group|-p|--package|--project|--directory)$/;
const SHELLS = new Set(['bash', 'sh', 'zsh', 'dash', 'ksh', 'fish']);
const SCRIPTS = new Set(['npm', 'pnpm', 'yarn', 'bun']);

/** `/usr/bin/python3.11` is `python`, `node_modules/.bin/jest` is `jest`. */
function programOf(word: string): string {
  const name = lastPart(word)
    .toLowerCase()
    .replace(/\.(?:exe|cmd|bat|ps1)$/, '');
  return /^(?:python|pip|node|ruby|php|perl)[\d.]+$/.test(name) ? name.replace(/[\d.]+$/, '') : name;
}

/** The last part of a path, because the folder it is reached from differs. */
function lastPart(word: string): string {
  if (word.includes('://')) return word;
  const parts = word.split(/[\\/]/).filter((part) => part !== '');
  return /^[@-]/.test(word) ? word : (parts.at(-1) ?? word);
}

/** The words from the program on, without assignments and wrappers. */
function unwrapped(words: readonly string[]): readonly string[] {
  let at = 0;
  const skipOptions = (withValue: RegExp) => {
    while (words[at]?.startsWith('-') === true) {
      const option = words[at] ?? '';
      at += withValue.test(option) ? 2 : 1;
      if (option === '--') break;
    }
  };
  while (at < words.length) {
    const word = words[at] ?? '';
    const name = programOf(word);
    const wrapper = WRAPPERS.get(name);
    if (ASSIGNMENT.test(word)) at++;
    else if (wrapper !== undefined) {
      at++;
      skipOptions(wrapper);
      if (name.endsWith('timeout')) at++;
    } else if (RUNNERS.get(name)?.has(words[at + 1] ?? '') === true) {
      at += 2;
      skipOptions(RUNNER_VALUE);
    } else if (name === 'python' && words[at + 1] === '-m') at += 2;
    else break;
  }
  return words.slice(at);
}

/** Options that change what is shown, not what is done. */
const SHOWS =
  /^(?:-[vqs]{1,4}|--(?:verbose|quiet|silent|colou?r|no-colou?r|no-progress|progress|tb|no-header|verbosity|log-level|reporter)(?:=.*)?)$/;

function wordsOfCommand(words: readonly string[], depth: number): string[] {
  const [first = '', ...others] = unwrapped(words);
  const program = programOf(first);
  const script = SHELLS.has(program) ? scriptOf(others) : undefined;
  if (script !== undefined && depth < MAX_NESTED) return wordsOfLine(script, depth + 1);
  if (first === '' || PREPARES.has(program)) return [];
  const args = SCRIPTS.has(program) && /^run(?:-script)?$/.test(others[0] ?? '') ? others.slice(1) : others;
  return [program, ...args.filter((word) => word !== '--' && !SHOWS.test(word)).map(lastPart)];
}

/** The script of `bash -lc 'script'`. */
function scriptOf(args: readonly string[]): string | undefined {
  const option = args.findIndex((word) => /^-[a-z]{0,4}c$/.test(word));
  return option < 0 || option > 2 ? undefined : args[option + 1];
}

function wordsOfLine(line: string, depth: number): string[] {
  const commands = commandsOf(line);
  const told = commands.filter(
    ({ words, isPiped }) => !isPiped || !FILTERS.has(programOf(unwrapped(words)[0] ?? '')),
  );
  return told.flatMap(({ words }) => wordsOfCommand(words, depth));
}

/** The words that say what an action does; those of the action itself when nothing else is left. */
export function commandText(action: string): string {
  const line = action.slice(0, MAX_COMMAND_CHARS);
  const words = wordsOfLine(line.replace(/\\\r?\n/g, ' '), 0);
  return words.length === 0 ? line : words.join(' ');
}

const HEX_CHARS = 32;

/** Equal for two actions that do the same. */
export function actionKey(action: string): string {
  const text = commandText(redactSecrets(action).text).toLowerCase().replace(/\s+/g, ' ').trim();
  return createHash('sha256').update(text).digest('hex').slice(0, HEX_CHARS);
}
