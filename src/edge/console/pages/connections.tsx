import { CONNECTIONS_SCOPE } from '../../../tools/families.ts';
import { newConnection } from '../../admin/connection-schemas.ts';
import { listConnections, setConnection } from '../../admin/connections.ts';
import { checked } from '../../admin/refusals.ts';
import { attempt, notListed, ownerOf } from '../connection-calls.ts';
import { BreakerState, type ListedConnection, placeOf, secretOf } from '../connection-state.tsx';
import { done, type Rejected, type SentForm } from '../forms.tsx';
import { respondPage } from '../layout.tsx';
import { notShown } from '../not-shown.tsx';
import { Empty, Head, Time } from '../parts.tsx';
import { barrierOf, OnlyMembers } from '../person.tsx';
import type { Visit } from '../visit.ts';
import { maySeeConnections } from './connection.tsx';
import { connectionOf, OAuthForm, SecretForm } from './connection-forms.tsx';

/** The tenant's connections to its own systems, and a form to set one up. */

export const connectionsPage = (visit: Visit): Promise<Response> => showConnections(visit);

async function showConnections(visit: Visit, { form, problem }: Rejected = {}): Promise<Response> {
  const { c, viewer, now } = visit;
  const lacking = maySeeConnections(visit);
  if (lacking !== undefined) return notShown(visit, 'connections', lacking);
  const listed = await attempt(() => listConnections(c, ownerOf(visit)));
  if (!listed.ok) return notShown(visit, 'connections', notListed(visit, listed.error));
  const { connections } = listed.value;
  const mayChange = barrierOf(viewer, CONNECTIONS_SCOPE) === undefined;
  return respondPage(c, {
    title: 'Connections',
    status: problem === undefined ? 200 : 400,
    viewer,
    at: 'connections',
    body: (
      <>
        <h1>Connections</h1>
        <p class="soft lead">
          How the tenant's own tools reach its systems: each request goes to one place, with a secret that is
          encrypted and never shown. A service that fails is not asked for a while.
        </p>
        <OnlyMembers viewer={viewer} scope={CONNECTIONS_SCOPE} what="set up or change connections" />
        {mayChange && (
          <>
            <SecretForm home={viewer.home} {...(form?.action === 'set-oauth' ? {} : { form, problem })} />
            <OAuthForm home={viewer.home} {...(form?.action === 'set-oauth' ? { form, problem } : {})} />
          </>
        )}
        {connections.length === 0 ? (
          <Empty title="There are no connections.">
            <p>
              A tool of your own declares which it needs, such as <code>tickets</code>, and fails until one of
              that name is set up {mayChange ? 'here' : 'by a member with connections:write'}.
            </p>
          </Empty>
        ) : (
          <Table connections={connections} home={viewer.home} now={now} />
        )}
      </>
    ),
  });
}

const Table = ({
  connections,
  home,
  now,
}: {
  connections: readonly ListedConnection[];
  home: string;
  now: number;
}) => (
  <table class="rows connections">
    <Head columns={['Name', 'State', 'Leads to', 'Secret', 'Changed (UTC)']} />
    <tbody>
      {connections.map((connection) => (
        <tr>
          <td class="k-name">
            <a data-row href={`${home}/connections/${connection.name}`}>
              {connection.name}
            </a>
          </td>
          <td class="k-state">
            <BreakerState connection={connection} />
          </td>
          <td class="k-place">
            <bdi>{placeOf(connection)}</bdi>
          </td>
          <td class="k-secret soft">{secretOf(connection)}</td>
          <td class="k-at">
            <Time at={connection.changed_at} near={now} />
          </td>
        </tr>
      ))}
    </tbody>
  </table>
);

/** `POST /connections`: sets one up, of kind http, with a secret in a header or with access tokens. */
export async function connectionsForm(visit: Visit, form: SentForm): Promise<Response> {
  const { c, viewer } = visit;
  const name = form.typed('name').trim();
  const set = await attempt(() =>
    setConnection(c, ownerOf(visit), name, checked(newConnection, connectionOf(form))),
  );
  if (!set.ok) return showConnections(visit, { form, problem: set.error });
  return done(c, viewer.session, `“${name}” is set up. Test it on its page.`);
}
