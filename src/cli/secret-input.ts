import { readFileSync } from 'node:fs';
import { Writable } from 'node:stream';
import { CliError, usageError } from './terminal.ts';

/** Where a secret comes from: never from the command line, which other users of the machine can read. */
export type SecretSource =
  | { readonly from: 'file'; readonly path: string }
  | { readonly from: 'environment'; readonly variable: string }
  /** A prompt, or the standard input if it is no terminal. */
  | { readonly from: 'terminal' };

const MAX_CHARS = 8192;

/** What is asked for, and the options that name it. */
export const HEADER_SECRET = { prompt: 'Secret, the whole value of the header', option: 'secret' } as const;
export const CLIENT_SECRET = { prompt: 'Client secret', option: 'secret' } as const;
export const REFRESH_TOKEN = { prompt: 'Refresh token', option: 'refresh-token' } as const;
type Asked = typeof HEADER_SECRET | typeof CLIENT_SECRET | typeof REFRESH_TOKEN;

/** Reads a secret, without the line break at its end. @throws CliError */
export async function readSecret(source: SecretSource, asked: Asked): Promise<string> {
  const { option, prompt } = asked;
  const secret = (await textOf(source, prompt)).replace(/\r?\n$/, '');
  const what = option === 'secret' ? 'The secret' : 'The refresh token';
  if (secret === '')
    throw usageError(
      `${what} is empty. Enter it at the prompt, or give --${option}-file or --${option}-env.`,
    );
  if (secret.length > MAX_CHARS) throw usageError(`${what} has more than ${MAX_CHARS} characters.`);
  return secret;
}

async function textOf(source: SecretSource, prompt: string): Promise<string> {
  switch (source.from) {
    case 'file':
      return fileText(source.path);
    case 'environment': {
      const value = process.env[source.variable];
      if (value === undefined) throw usageError(`The environment variable ${source.variable} is not set.`);
      return value;
    }
    case 'terminal':
      return process.stdin.isTTY ? prompted(prompt) : pipedText();
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
async function prompted(prompt: string): Promise<string> {
  // It loads the parts of a REPL, which the other commands need not wait for.
  const { createInterface } = await import('node:readline/promises');
  process.stderr.write(`${prompt}: `);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true });
  try {
    return await lines.question('');
  } finally {
    lines.close();
    process.stderr.write('\n');
  }
}
