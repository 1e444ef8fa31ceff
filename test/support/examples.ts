import { globSync, readFileSync } from 'node:fs';

/** A fenced `ts` block under an `@example` tag of a doc comment. */
export interface Example {
  readonly file: string;
  /** The line of its first line of code in the file, counted from 1. */
  readonly line: number;
  readonly code: string;
  /** The name that the doc comment documents, such as `defineTool`. */
  readonly documents: string | undefined;
}

const DOC_COMMENT = /\/\*\*(?:[^*]|\*(?!\/))*\*\//g;
const EXAMPLE = /@example[^\n]*\n(?:[ \t]*\*[ \t]*\n)?[ \t]*\* ```ts\n(.*?)[ \t]*\* ```/gs;
const DECLARED =
  /^\s*(?:export )?(?:declare )?(?:abstract )?(?:async )?(?:interface|class|function|type|const) (\w+)/;

/** Every example of the code under `src`. */
export function readExamples(): Example[] {
  return globSync('src/**/*.{ts,tsx}').sort().flatMap(examplesOf);
}

function examplesOf(file: string): Example[] {
  const source = readFileSync(file, 'utf8');
  return [...source.matchAll(DOC_COMMENT)].flatMap((comment) => {
    const [, documents] = DECLARED.exec(source.slice(comment.index + comment[0].length)) ?? [];
    return [...comment[0].matchAll(EXAMPLE)].map((example) => {
      const [whole, block = ''] = example;
      const start = comment.index + example.index + whole.indexOf('```ts\n') + '```ts\n'.length;
      const code = block.replaceAll(/^[ \t]*\* ?/gm, '');
      return { file, line: source.slice(0, start).split('\n').length, code, documents };
    });
  });
}
