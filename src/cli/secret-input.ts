import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { CliError, usageError } from './terminal.ts';

/** Where a secret comes from: never from the command line, which other users of the machine can read. */
export type SecretSource =
  | { readonly from: 'file'; readonly path: string }
  | { readonly from: 'environment'; readonly variable: string }
  /** A prompt, or the standard input if it is no terminal. */
  | { readonly from: 'terminal' };

const MAX_CHARS = 8192;

/** Reads a secret, without the line break at its end. @throws CliError */
export async function readSecret(source: SecretSource): Promise<string> {
  const secret = (await textOf(source)).replace(/\r?\n$/, '');
  if (secret === '')
    throw usageError('The secret is empty. Enter it at the prompt, or give --secret-file or --secret-env.');
  if (secret.length > MAX_CHARS) throw usageError(`The secret has more than ${MAX_CHARS} characters.`);
  return secret;
}

async function textOf(source: SecretSource): Promise<string> {
  switch (source.from) {
    case 'file':
      return fileText(source.path);
    case 'environment': {
      const value = process.env[source.variable];
      if (value === undefined) throw usageError(`The environment variable ${source.variable} is not set.`);
      return value;
    }
    case 'terminal':
      return process.stdin.isTTY ? prompted() : pipedText();
  }
}

function fileText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    throw new CliError('unreadable', `${path} could not be read. Check its name and permissions.`);
  }
}

async function pipedText(): Promise<string> {
  let text = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) {
    text += String(chunk);
    if (text.length > 2 * MAX_CHARS) break;
  }
  return text;
}

/** Asks on the terminal, which does not show what is typed. */
async function prompted(): Promise<string> {
  process.stderr.write('Secret, the whole value of the header: ');
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true });
  try {
    return await lines.question('');
  } finally {
    lines.close();
    process.stderr.write('\n');
  }
}
