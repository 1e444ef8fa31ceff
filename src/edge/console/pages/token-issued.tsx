import type { ChangedToken } from '../../../tenant/contract/token-change.ts';
import { signIssued } from '../../auth/tokens.ts';
import { ownOrigin } from '../../http/host.ts';
import { respondPage } from '../layout.tsx';
import { Time } from '../parts.tsx';
import type { Visit } from '../visit.ts';

/** A token that was just issued: the only page that shows it, and the answer to the form itself, so that no URL has it. */
export async function tokenIssuedPage({ c, viewer, now }: Visit, issued: ChangedToken): Promise<Response> {
  const token = await signIssued(c.var.isolate.config, viewer.tenant, issued);
  const { label, scopes, tools, expiresAt } = issued;
  return respondPage(c, {
    title: 'The token is issued',
    viewer,
    at: 'tokens',
    body: (
      <>
        <h1>The token is issued</h1>
        <p class="done" role="status">
          Copy the token for <bdi>{label}</bdi> now. It is not stored, and is shown only this once.
        </p>
        <pre class="secret" tabindex={0}>
          <code id="token">{token}</code>
        </pre>
        <p>
          <button type="button" class="first" data-copy="token" hidden>
            Copy the token
          </button>
        </p>
        <dl class="facts">
          <dt>May do</dt>
          <dd>{scopes.join(', ')}</dd>
          {tools !== undefined && (
            <>
              <dt>With these tools only</dt>
              <dd>{tools.join(', ')}</dd>
            </>
          )}
          <dt>Ends (UTC)</dt>
          <dd>
            <Time at={expiresAt} near={now} />
          </dd>
        </dl>
        <h2>Use it</h2>
        <pre tabindex={0}>
          <code>
            claude mcp add --transport http bulkhead {ownOrigin(c)}/mcp --header "Authorization: Bearer TOKEN"
          </code>
        </pre>
        <p>
          <a href={`${viewer.home}/tokens`}>Back to all tokens</a>
        </p>
      </>
    ),
  });
}
