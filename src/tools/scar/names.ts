/**
 * Names that mean the same to those who report failures: tools, types of errors and codes, folded to one spelling.
 *
 * Case, punctuation and name spaces do not count, and neither do the aliases below. The lists are short on purpose: a
 * missing alias makes two failures of one, which `similar` still finds, but a wrong one makes one failure of two.
 * The tool column of stored scars holds folded names, so an alias added later applies to scars recorded after it.
 */

const letters = (name: string) => name.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '');

const aliases = (families: Readonly<Record<string, string>>): ReadonlyMap<string, string> =>
  new Map(Object.entries(families).flatMap(([name, same]) => same.split(' ').map((alias) => [alias, name])));

const TOOLS = aliases({
  shell:
    'bash sh zsh terminal console cmd command commandline exec execute execcommand executecommand executebash runbash ' +
    'runcommand runcommands runcmd runinterminal runterminalcmd runterminalcommand terminalcommand runshell ' +
    'runshellcommand shellcommand shellexec executeshell executeshellcommand localshell',
  edit:
    'write editfile editfiles fileedit multiedit writefile filewrite writetofile createfile savefile strreplace ' +
    'strreplaceeditor strreplacebasededit applypatch applydiff patchfile replaceinfile replacestringinfile ' +
    'inserteditintofile searchreplace searchandreplace updatefile texteditor',
  read: 'readfile fileread viewfile openfile readfiles readtextfile',
  grep: 'rg ripgrep grepsearch searchfiles searchinfiles findinfiles',
  fetch: 'webfetch fetchurl fetchwebpage fetchpage readurl',
  websearch: 'searchweb googlesearch searchtheweb',
  python: 'python3 ipython pythonrepl runpython executepython pythoninterpreter codeinterpreter',
});

/** Before the name of a tool, what a client or a provider puts there: `functions.bash`, `default_api.bash`. */
const TOOL_SPACE = /^(?:functions|default_api|tools?)[.:/]/;

/** The tool's folded name: `Bash`, `run_in_terminal` and `functions.shell` are `shell`. */
export function foldTool(tool: string): string {
  const name = letters(tool.toLowerCase().replace(TOOL_SPACE, ''));
  const bare = name.length > 'tool'.length && name.endsWith('tool') ? name.slice(0, -'tool'.length) : name;
  return TOOLS.get(bare) ?? (bare === '' ? tool : bare);
}

const ERROR_TYPES = aliases({
  timeout: 'timedout etimedout timeoutexpired',
  filenotfound: 'enoent nosuchfile nosuchfileordirectory',
  permissiondenied: 'eacces permission',
  connectionrefused: 'econnrefused connectrefused',
  connectionreset: 'econnreset connectionresetbypeer',
  brokenpipe: 'epipe',
  fileexists: 'eexist filealreadyexists',
  isadirectory: 'eisdir',
  notadirectory: 'enotdir',
  addressinuse: 'eaddrinuse addressalreadyinuse',
  nospaceleft: 'enospc nospaceleftondevice',
  modulenotfound: 'errmodulenotfound cannotfindmodule',
  outofmemory: 'oom memory',
  ratelimit: 'ratelimited ratelimitexceeded toomanyrequests',
  nullpointer: 'npe',
  stackoverflow: 'maximumcallstacksizeexceeded',
  commandfailed:
    'command commandexecution exit nonzeroexit nonzeroexitcode exitcode exitstatus calledprocess shell',
  assertion: 'assert assertionfailed',
});

/** A name space, as in `requests.exceptions.ReadTimeout`, `System.IO.FileNotFoundException` or `std::io::Error`. */
const NAME_SPACE = /^(?:[\p{L}_$][\p{L}\p{N}_$]*(?:\.|::|\\|\/))+(?=[\p{L}_$][\p{L}\p{N}_$]*$)/u;
const ENDING = /(?<=.)(?:error|exception|err|failure)$/;

/** The folded type of an error: `TimeoutError`, `asyncio.TimeoutError`, `ETIMEDOUT` and `timeout` are `timeout`. */
export function foldErrorType(type: string): string {
  const name = letters(type.trim().replace(NAME_SPACE, ''));
  const bare = name.replace(ENDING, '');
  return ERROR_TYPES.get(bare) ?? (bare === '' ? type.trim() : bare);
}

/** The folded code: `HTTP 429`, `http_429` and `429` are `429`. */
export function foldCode(code: string): string {
  const name = letters(code).replace(
    /^(?:http|status|statuscode|httpstatus|code|exit|exitcode|errno)(?=\d)/,
    '',
  );
  return name === '' ? code.trim() : name;
}
