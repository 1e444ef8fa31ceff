/**
 * Cuts the stack of calls out of the text of a failure, in the shapes of JavaScript, Python, Java, Go, Rust, Ruby, .NET, PHP
 * and others: by which way a failure came about differs from one occurrence to the next.
 *
 * A failure that says nothing but its type is known by the function nearest to it, because two null pointers in two
 * functions are two failures. Every pattern reads one line of bounded length.
 */

/** Lines of a stack, without their indentation. */
const FRAME_LINES: readonly RegExp[] = [
  // JavaScript, Java, Kotlin, .NET, Rust: `at Cart.total (file.js:1:2)`, `at a.B.c(D.java:1)`, `at ./src/main.rs:4:5`.
  /^at (?:async |new )?[^\s(]{1,256}(?: \[as [^\]]{1,128}\])? \((?:.*:\d+|.*<anonymous>|native|index \d+)\)$/,
  /^at (?:async |new )?[\p{L}\p{N}_$<>/@-]{1,128}\.[^\s(]{1,256} ?\(.*\)/u,
  /^at (?:async )?(?:file:|https?:|node:|ext:|webpack|\.{0,2}\/|[a-z]:\\)\S*$/i,
  /^at .{1,300}:(?:line )?\d+\)?$/,
  /^at <?anonymous>?$/,
  /^\.{3} \d+ (?:more|common frames|frames?)\b/,
  /^--- End of (?:inner|stack) /i,
  // Python.
  /^Traceback \(most recent call last\):?$/i,
  /^File ["“].*["”], line \d/i,
  /^During handling of the above exception|^The above exception was the direct cause/i,
  /^\[Previous line repeated /,
  // Go, with the lines of a goroutine.
  /^created by \S+/,
  /^\S+\.(?:go|s):\d+ \+0x[0-9a-f]+$/,
  // Rust.
  /^\d+: +(?:0x[0-9a-f]+ - )?<?[\w&*$ ]{1,128}::/,
  /^(?:= )?note: (?:run with `RUST|some details are omitted)/i,
  // Ruby.
  /^from .{1,300}:\d+(?::in |$)/,
  /^\/?[\w./@-]{1,256}\.(?:rb|erb|rake):\d+(?::in [`'].*')?$/,
  // PHP, Dart, gdb.
  /^#\d+ +(?:\/|[a-z]:\\|\{main\}|\[internal function\]|0x[0-9a-f]+ in |[\w.$<>\\:-]{1,256}(?: ?\(|->))/i,
  /^(?:PHP +)?Stack trace:$|^(?:PHP +)?\d+\. .{1,300}\(\) /i,
  /^thrown in .* on line \d+$/,
  /^<asynchronous suspension>$/,
  // Lua, Elixir.
  /^stack traceback:$/i,
  /^\[C\]: in |^\S{1,256}\.lua:\d+: in /,
  /^\(\S{1,64} [\w.+-]{1,64}\) \S{1,256}:\d+: /,
  // Lines that show a place in a source: `12 |   code`, `|   ^^^`, `~~~^~~`.
  /^\d+ *\|(?: |$)|^\|\s*[\^~-]*$/,
  /^[\^~][\^~ ]*$/,
];

/** Lines after which all lines of a shape, up to an empty one, belong to the stack. */
const SECTIONS: readonly (readonly [begins: RegExp, lines: RegExp])[] = [
  [/^goroutine \d+ \[/, /./],
  [/^stack backtrace:$/i, /^(?:stack backtrace:|\d+: |at )/i],
  [/^Stacktrace:$/, /^(?:Stacktrace:|\[\d+\] |@ )/],
];

/** Frames in the middle of a line: ` at Cart.total (file.js:1:2)`. */
const INLINE_FRAME =
  /(?<=\S) {1,4}at (?:async |new )?[\w$.<>#/[\]]{1,128} ?\([^()\s]{1,256}:\d{1,9}(?::\d{1,9})?\)/g;
/** The place before a message: ``app/cart.rb:12:in `total': undefined method``. */
const PLACE_BEFORE = /^\S{1,256}\.(?:rb|erb|rake):\d+:in [`'][^'\n]{1,128}': /;

const PYTHON_FRAME = /^File ["“].*["”], line \d/;

/** The name of a function in a frame. */
const FUNCTION =
  /^(?:at (?:async |new )?([^\s(]+) ?\(|File .*, in ([^\s]{1,128})$|from .*:in [`']([^']{1,128})|#\d+ +(?:0x[0-9a-f]+ in )?([\w.$<>\\:-]{1,128}) ?\(|#\d+ .{1,256}\(\d+\): ([\w.$<>\\:-]{1,128})\(|([\w./*()-]{1,128})\()/;

/** Says nothing but a type: `java.lang.NullPointerException`. */
const BARE =
  /^(?:Exception in thread "[^"]{0,128}"|Unhandled exception[.:]?|panic:|Uncaught)?\s*[\w.$:\\]{0,200}$/i;

const MAX_LINES = 2_000;
const MAX_FRAME_CHARS = 512;

/** The text without the lines of its stack; the text itself if nothing else is left. */
export function withoutFrames(text: string): string {
  const inline: string[] = [];
  const { kept, frames } = splitLines(
    text.replace(PLACE_BEFORE, '').replace(INLINE_FRAME, (frame) => {
      inline.push(frame.trim());
      return '';
    }),
  );
  const rest = kept.join('\n').trim();
  if (rest === '') return text;
  const all = [...inline, ...frames];
  return all.length > 0 && BARE.test(rest) ? `${rest} ${nearestFunction(all)}`.trim() : rest;
}

function splitLines(text: string): { kept: string[]; frames: string[] } {
  const kept: string[] = [];
  const frames: string[] = [];
  let section: RegExp | undefined;
  // Below a `File` line, Python shows the source, indented deeper.
  let sourceBelow = Number.POSITIVE_INFINITY;
  for (const line of text.split('\n', MAX_LINES)) {
    const bare = line.trim();
    const indent = line.length - line.trimStart().length;
    section = bare === '' ? undefined : (SECTIONS.find(([begins]) => begins.test(bare))?.[1] ?? section);
    if (section?.test(bare) || isFrame(bare)) {
      frames.push(bare);
      sourceBelow = PYTHON_FRAME.test(bare) ? indent : Number.POSITIVE_INFINITY;
    } else if (indent <= sourceBelow) {
      if (bare !== '') kept.push(line);
      sourceBelow = Number.POSITIVE_INFINITY;
    }
  }
  return { kept, frames };
}

const isFrame = (line: string) =>
  line.length <= MAX_FRAME_CHARS && FRAME_LINES.some((shape) => shape.test(line));

/** The function in which it failed: Python prints it last, all others first. */
function nearestFunction(frames: readonly string[]): string {
  const isPython = frames.some((frame) => PYTHON_FRAME.test(frame));
  for (const frame of isPython ? frames.toReversed() : frames) {
    const name = FUNCTION.exec(frame)
      ?.slice(1)
      .find((group) => group !== undefined);
    if (name !== undefined) return name;
  }
  return '';
}
