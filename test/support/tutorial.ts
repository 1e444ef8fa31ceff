import { execFile } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** What a checkout does not contain, apart from files whose names begin with a dot. */
const NOT_COPIED = ['node_modules', 'dist', 'coverage'];
const DOT_FILES = ['.gitignore', '.npmrc'];

/** A step of a tutorial: a file to create, or lines to add to an existing file, at its end or below one of its lines. */
export type Step =
  | { readonly kind: 'create'; readonly file: string; readonly code: string }
  | { readonly kind: 'append'; readonly file: string; readonly code: string }
  | { readonly kind: 'insert'; readonly file: string; readonly below: string; readonly code: string };

export interface Tutorial {
  readonly steps: readonly Step[];
  /** The lines of its `sh` blocks. */
  readonly commands: readonly string[];
}

/** The sentence before a block of code; it says what to do with the block. */
const CREATE = /^Create `([^`]+)`:$/;
const APPEND = /^At the end of `([^`]+)`, add:$/;
const INSERT = /^In `([^`]+)`, below the line `([^`]+)`, add:$/;

/** Reads the steps out of a document. @throws Error for a block of code without an instruction */
export function readTutorial(path: string): Tutorial {
  const steps: Step[] = [];
  const commands: string[] = [];
  const blocks = readFileSync(join(ROOT, path), 'utf8').matchAll(/^([^\n]*)\n\n```(\w+)\n(.*?)^```$/gms);
  for (const [, instruction = '', language, code = ''] of blocks) {
    if (language === 'sh') commands.push(...code.trim().split('\n'));
    else steps.push(stepOf(instruction, code));
  }
  return { steps, commands };
}

function stepOf(instruction: string, code: string): Step {
  const [, created] = CREATE.exec(instruction) ?? [];
  if (created !== undefined) return { kind: 'create', file: created, code };
  const [, appended] = APPEND.exec(instruction) ?? [];
  if (appended !== undefined) return { kind: 'append', file: appended, code };
  const [, file, below] = INSERT.exec(instruction) ?? [];
  if (file !== undefined && below !== undefined) return { kind: 'insert', file, below, code };
  throw new Error(`The line before a block of code must say where the code belongs: ${instruction}`);
}

/** A copy of this repository in a temporary directory, which uses the installed packages of the original. */
export class ScratchCopy {
  readonly path = mkdtempSync(join(tmpdir(), 'bulkhead-tutorial-'));

  constructor() {
    for (const name of readdirSync(ROOT)) {
      const copied = name.startsWith('.') ? DOT_FILES.includes(name) : !NOT_COPIED.includes(name);
      if (copied) cpSync(join(ROOT, name), join(this.path, name), { recursive: true });
    }
    // Linked one by one, so that caches in node_modules are the copy's own.
    mkdirSync(join(this.path, 'node_modules'));
    for (const name of readdirSync(join(ROOT, 'node_modules'))) {
      if (!name.startsWith('.') || name === '.bin')
        symlinkSync(join(ROOT, 'node_modules', name), join(this.path, 'node_modules', name));
    }
  }

  apply(step: Step): void {
    if (step.kind === 'create') {
      mkdirSync(dirname(join(this.path, step.file)), { recursive: true });
      writeFileSync(join(this.path, step.file), step.code, { flag: 'wx' });
    } else if (step.kind === 'append') {
      appendFileSync(join(this.path, step.file), step.code);
    } else {
      this.replace(step.file, `${step.below}\n`, `${step.below}\n${step.code}`);
    }
  }

  /** Replaces a text that occurs exactly once in a file. */
  replace(file: string, text: string, replacement: string): void {
    const parts = readFileSync(join(this.path, file), 'utf8').split(text);
    if (parts.length !== 2) throw new Error(`${file} contains ${parts.length - 1} times: ${text}`);
    writeFileSync(join(this.path, file), parts.join(replacement));
  }

  /** Lets the linter read these files only: it judges each by itself, and has read all others in the original. */
  lintOnly(files: readonly string[]): void {
    const path = join(this.path, 'biome.json');
    const lines = [...new Set(files)].map((file) => `      ${JSON.stringify(file)}`).join(',\n');
    // The first list of the file. The linter reads the file itself as well, and wants it formatted.
    const config = readFileSync(path, 'utf8').replace(
      /"includes": \[.*?\]/s,
      `"includes": [\n${lines}\n    ]`,
    );
    writeFileSync(path, config);
  }

  /** Runs a command line in the copy. */
  run(command: string): Promise<{ ok: boolean; output: string }> {
    const [program = '', ...args] = command.split(' ');
    const PATH = [dirname(process.execPath), process.env.PATH].join(delimiter);
    const env = { ...process.env, PATH, NO_COLOR: '1', FORCE_COLOR: '0', VITEST: undefined };
    return new Promise((resolve) => {
      execFile(program, args, { cwd: this.path, env, maxBuffer: 1e8 }, (error, stdout, stderr) =>
        resolve({ ok: error === null, output: stdout + stderr }),
      );
    });
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
