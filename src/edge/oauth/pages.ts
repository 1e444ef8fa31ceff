import { html } from 'hono/html';
import type { AnyTool } from '../../tools/remote-tool.ts';
import type { Scope } from '../../tools/tool.ts';
import type { AuthorizationRequest, WayBack } from './authorization-request.ts';
import type { Present } from './browser.ts';
import { isReading, TOOLS_LISTED } from './consent.ts';
import type { Html, Page } from './page-layout.ts';
import type { Identity } from './provider.ts';
import type { RedirectTarget } from './redirect-uris.ts';
import { wordsOf } from './scope-words.ts';

/** The pages that a person sees. Every name that a stranger has chosen is escaped and in `<bdi>`. */

/** Who asks, for what, and the sealed request that a form brings back. */
export interface Question {
  readonly client: AuthorizationRequest['client'];
  readonly target: RedirectTarget;
  readonly scopes: readonly Scope[];
  /** The tools of these scopes, and those that need none. */
  readonly tools: readonly AnyTool[];
  /** The host of this server. */
  readonly host: string;
  readonly sealed: string;
  /** What members call the OpenID provider; undefined when there is none. */
  readonly provider: string | undefined;
}

const called = ({ name }: Question['client']) =>
  name === '' ? '' : html`, which calls itself “<bdi>${name}</bdi>”`;

/** The client, first by what can be checked. */
function who({ client, target }: Question): Html {
  if (client.origin === 'operator')
    return html`<p>The app “<bdi>${client.name}</bdi>”, which the operator of this server has registered, asks for access.</p>`;
  if (client.origin === 'document')
    return html`<p>An app of <strong>${new URL(client.id).hostname}</strong>${called(client)}, asks for access.</p>`;
  if (target.kind === 'web')
    return html`<p>An app at <strong>${target.host}</strong>${called(client)}, asks for access. It registered itself; nobody has checked its name.</p>`;
  return html`<p>An app on this machine${called(client)}, asks for access. It registered itself; nobody has checked its name.</p>`;
}

function where({ target }: Question): Html {
  if (target.kind === 'web') return html`<p>Your answer is sent to <strong>${target.host}</strong>.</p>`;
  const place =
    target.kind === 'loopback'
      ? html`a program on this machine (<strong>${target.host}</strong>)`
      : html`the application that opens <strong>${target.host}</strong> links on this machine`;
  return html`<p class="warn">Your answer is sent to ${place}. Go on only if you have just started this yourself.</p>`;
}

const formStart = ({ sealed }: Question) => html`<input type="hidden" name="request" value="${sealed}">`;

/** What a person is told who is not signed in, in words of this server alone. */
export const PROBLEMS = {
  unknownKey: 'This key is not valid. Ask the operator of this server for a new one.',
  suspended: 'Your tenant is suspended. Ask the operator of this server.',
  signedOut: 'You are not signed in any more. Sign in again.',
  providerUnavailable: (provider: string) =>
    html`<bdi>${provider}</bdi> cannot be reached now. Try again in a minute, or sign in with a key.`,
  providerRefused: (provider: string) =>
    html`<bdi>${provider}</bdi> did not sign you in. Try again, or sign in with a key.`,
  stranger: (provider: string, { sub, email }: Identity) =>
    html`You are no member here. Ask the operator of this server to add you, by this name: ${
      email === undefined
        ? html`<span class="name">sub <bdi>${sub}</bdi></span>. <bdi>${provider}</bdi> has no verified address of yours.`
        : html`<span class="name">email <bdi>${email}</bdi></span>`
    }`,
} as const;

interface SignInOptions {
  /** What was wrong with the sign-in before. */
  readonly problem?: string | Html;
  readonly status?: Page['status'];
  /** Whether the person wants to sign in as somebody else. */
  readonly isAnew?: boolean;
}

export function signInPage(
  question: Question,
  { problem, status, isAnew = false }: SignInOptions = {},
): Page {
  return {
    title: `Sign in to ${question.host}`,
    status: status ?? (problem === undefined ? 200 : 403),
    body: html`${who(question)}
${where(question)}
${problem === undefined ? '' : html`<p class="bad" role="alert">${problem}</p>`}
${question.provider === undefined ? '' : providerLink(question, question.provider, isAnew)}
<form method="post" action="/authorize">
${formStart(question)}
<input class="away" type="text" name="username" autocomplete="username" value="${question.host}" readonly tabindex="-1" aria-hidden="true">
<p><label class="label" for="key">Sign-in key</label>
<input class="key" id="key" name="key" type="password" autocomplete="current-password" aria-describedby="about-key"${question.provider === undefined ? html` autofocus` : ''} required></p>
<p class="soft" id="about-key">The operator of this server has given you one. It begins with bhk_.</p>
<p class="buttons"><button class="first" name="action" value="sign_in">Sign in</button>
<button name="action" value="deny" formnovalidate>Cancel</button></p>
</form>`,
  };
}

/** A link and no form: a provider may send the browser on to others, which the policy `form-action` would block. */
function providerLink({ sealed }: Question, provider: string, isAnew: boolean): Html {
  const query = new URLSearchParams({ request: sealed, ...(isAnew ? { anew: '' } : {}) });
  return html`<p class="buttons"><a class="button first" href="/oauth/sign-in?${query.toString()}">Sign in with <bdi>${provider}</bdi></a></p>
<p class="soft">Or with a key:</p>`;
}

export function consentPage(question: Question, members: readonly Present[], problem?: string): Page {
  const offered = question.scopes.filter((scope) => members.some(({ scopes }) => scopes.includes(scope)));
  return {
    title: `Let this app use ${question.host}?`,
    status: problem === undefined ? 200 : 400,
    body: html`${who(question)}
${where(question)}
${problem === undefined ? '' : html`<p class="bad" role="alert">${problem}</p>`}
<form method="post" action="/authorize">
${formStart(question)}
<fieldset><legend>Whose data it uses</legend>
${members.map((member) => tenantChoice(member, members.length === 1))}
</fieldset>
<fieldset><legend>What it may do</legend>
${offered.map((scope) => checkBox('scope', scope, wordsOf(scope)))}
${offered.every(isReading) ? '' : html`<label class="choice"><input type="checkbox" name="read_only" value="true"> <span>Only read: leave out whatever of this writes or deletes</span></label>`}
</fieldset>
${singleTools(question.tools, offered)}
<p class="buttons"><button class="first" name="action" value="allow">Allow</button>
<button name="action" value="deny">Deny</button>
<button name="action" value="other_key">Use another ${question.provider === undefined ? 'key' : 'account'}</button></p>
</form>`,
  };
}

const checkBox = (name: string, value: string, words: string) =>
  html`<label class="choice"><input type="checkbox" name="${name}" value="${value}" checked> <span>${words}</span></label>`;

/** A box for each tool, for whoever wants to allow a part of a scope. Closed, it is a line. */
function singleTools(tools: readonly AnyTool[], offered: readonly Scope[]): Html {
  const group = (scope: Scope | 'any', words: string) => {
    const boxes = tools
      .filter((tool) => tool.scope === scope)
      .map(({ name, title }) => checkBox('tool', name, title));
    return boxes.length === 0 ? '' : html`<fieldset><legend>${words}</legend>${boxes}</fieldset>`;
  };
  return html`<details><summary>Choose single things</summary>
<input type="hidden" name="${TOOLS_LISTED}" value="true">
${offered.map((scope) => group(scope, wordsOf(scope)))}
${group('any', 'In any case')}
</details>`;
}

const tenantChoice = ({ tenant, proof, name }: Present, isOnly: boolean) =>
  html`<label class="choice"><input type="radio" name="as" value="${tenant}/${proof.member}"${isOnly ? html` checked` : ''} required> <span><strong>${tenant}</strong>, as <bdi>${name}</bdi></span></label>`;

/** The browser goes back to the client, with the answer in the URL. */
export function donePage(goTo: string, target: RedirectTarget, isAllowed: boolean): Page {
  const place = target.kind === 'web' ? target.host : 'the app';
  return {
    title: isAllowed ? 'The app has access' : 'The app has no access',
    goTo,
    body: html`<p>You are sent back to <strong>${place}</strong>. You can close this page when it has noticed.</p>
<p><a class="button first" href="${goTo}">Back to ${place}</a></p>`,
  };
}

/** @param back where the person can go; undefined when nothing is known to be the client's address */
export function problemPage(
  message: string | Html,
  status: Page['status'],
  back?: { readonly href: string; readonly words: string },
): Page {
  return {
    title: 'This cannot go on',
    status: status ?? 400,
    body: html`<p>${message}</p>
${
  back === undefined
    ? html`<p class="soft">You can close this page.</p>`
    : html`<p><a class="button" href="${back.href}">${back.words}</a></p>`
}`,
  };
}

/** The client's redirect URI with the answer in its query (OAuth 2.1, section 4.1.2; RFC 9207). */
export function answerUrl(
  { redirectUri, state }: WayBack,
  issuer: string,
  answer: Readonly<Record<string, string>>,
): string {
  const url = new URL(redirectUri);
  const parameters = { ...answer, ...(state === undefined ? {} : { state }), iss: issuer };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.append(name, value);
  return url.href;
}
