import type { Rule } from './noise-numbers.ts';

/** Names of machines, accounts and branches, which differ between occurrences of the same failure. Texts are in lower case. */

/** What stands behind the `@` of a package without being a host. */
const PACKAGE_TAG = 'alpha|beta|canary|file|latest|main|master|next|npm|rc|sha256|stable|workspace';
const KNOWN_BRANCH =
  'dev|develop|development|main|master|next|prod|production|qa|release|stage|staging|trunk|uat';
const BRANCH_FOLDER =
  'bugfix|chore|dependabot|feat|feature|fix|hotfix|refactor|release|releases|renovate|topic|users?';

const LABEL = '[a-z0-9][a-z0-9-]{0,62}';
/** Name spaces of programming languages end like hosts: `java.net`. */
const NOT_NAME_SPACE =
  '(?!(?:android|androidx|com|dev|io|java|javax|kotlin|microsoft|net|org|scala|system)\\.)';
const HOST_START = '(?<![\\p{L}\\p{N}_.@/\\\\-])';
const HOST_END = '(?::\\d{1,5})?(?![\\p{L}\\p{N}_(/-]|\\.\\w)';

const MACHINE =
  'agent|aks|api|app|box|build|builder|cache|ci|db|ec2|edge|eks|gke|gw|host|ip|k8s|kube|lb|master|nas|node|pool|prod|' +
  'replica|runner|server|srv|stage|staging|vm|web|worker';

const hasDigit = /\d/;

export const HOST_RULES: readonly Rule[] = [
  // deploy@build-07, but not react@next
  [
    new RegExp(
      `(?<![\\p{L}\\p{N}._%+@/-])[\\p{L}\\p{N}._%+-]{1,64}@(?!(?:${PACKAGE_TAG})(?![\\w-]))[a-z][a-z0-9-]{0,62}(?:\\.${LABEL}){0,8}(?![\\p{L}\\p{N}_@/])`,
      'gu',
    ),
    '<host>',
  ],
  [/(?<![\w/])refs\/(?:heads|tags|remotes|pull|merge-requests)\/[^\s'"`:,)\]]{1,256}/g, '<branch>'],
  [/(?<![\w/.-])(?:origin|upstream)\/[\w./-]{1,200}/g, '<branch>'],
  [new RegExp(`(?<![\\w/.@-])(?:${BRANCH_FOLDER})/[\\w./-]{1,200}`, 'g'), '<branch>'],
  [/(?<![\p{L}\p{N}_])(branch ?[:=] ?)[^\s'"`,;)<]{1,200}/gu, '$1<branch>'],
  [
    new RegExp(
      `(?<![\\p{L}\\p{N}_])(branch |into |rebasing )(?:(?:${KNOWN_BRANCH})(?![\\w-])|(?=[\\w.]{0,64}[/_\\d-])[a-z][\\w./-]{0,199})`,
      'gu',
    ),
    '$1<branch>',
  ],
  // ! [rejected] main -> main
  [/(?<=\] {1,16})[\w./-]{1,200} +-> [\w./-]{1,200}/g, '<branch>'],
  [
    new RegExp(
      `${HOST_START}${NOT_NAME_SPACE}(?:${LABEL}\\.){1,8}(?:com|org|lan|local|internal|intranet|corp|localdomain|arpa)${HOST_END}`,
      'gu',
    ),
    '<host>',
  ],
  [
    new RegExp(
      `${HOST_START}${NOT_NAME_SPACE}(?:${LABEL}\\.){2,8}(?:ai|cloud|cluster|co|consul|de|dev|edu|eu|example|fr|gov|io|net|nl|svc|uk|us)${HOST_END}`,
      'gu',
    ),
    '<host>',
  ],
  // could not resolve host: db, lookup db: no such host, host=db
  [
    /(?<![\p{L}\p{N}_])(resolve host(?:name)?|unknown host|enotfound|eai_again|connect to host|host(?:name)? named)( ?[:=]? ?)(?!(?:failed|error|in|is|for|not|on|the|could|cannot)(?!\w))[a-z0-9][\w.-]{0,253}/gu,
    '$1$2<host>',
  ],
  [/(?<![\p{L}\p{N}_])lookup [a-z0-9][\w.-]{0,253}(?=: | on )/gu, 'lookup <host>'],
  [/(?<![\p{L}\p{N}_])(host(?:name)?|server|addr) ?= ?[a-z][\w.-]{0,253}(?::\d{1,5})?/gu, '$1=<host>'],
  // host db-3, server web01
  [
    /(?<![\p{L}\p{N}_])(host|hostname|server|machine|runner|peer|broker|instance|node)( ?: ?| )(?=[a-z.-]{1,64}\d)[a-z][\w.-]{0,253}/gu,
    '$1$2<host>',
  ],
  [
    new RegExp(
      `(?<![\\p{L}\\p{N}_./@-])(?:${MACHINE})(?:(?:-[a-z0-9]{1,32}){0,8}-\\d{1,6}|\\d{2,4})(?![\\w/-]|\\.\\d)`,
      'gu',
    ),
    '<host>',
  ],
  // The end of a pod's name: api-6d8f7c9b5-x2k4q
  [
    /(?<=[a-z0-9]-)[bcdfghjklmnpqrstvwxz2456789]{6,10}-[bcdfghjklmnpqrstvwxz2456789]{5}(?![\w-])/g,
    (run) => (hasDigit.test(run) ? '<token>' : run),
  ],
];
