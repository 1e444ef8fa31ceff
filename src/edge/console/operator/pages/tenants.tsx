import type { Context } from 'hono';
import type { AppEnv } from '../../../http/isolate.ts';
import { OPERATOR_HOME } from '../../layout.tsx';
import { Empty, Head, Time } from '../../parts.tsx';
import { respondOperatorPage } from '../frame.tsx';
import type { OperatorSession } from '../session.ts';

/** All tenants. */
export async function tenantsPage(c: Context<AppEnv>, session: OperatorSession): Promise<Response> {
  const tenants = await c.env.REGISTRY.getByName('registry').list({
    limit: 100,
    after: '',
    prefix: '',
    status: undefined,
  });
  return respondOperatorPage(c, session, {
    title: 'Tenants',
    at: 'tenants',
    body: (
      <>
        <h1>Tenants</h1>
        {tenants.length === 0 ? (
          <Empty title="There are no tenants yet." />
        ) : (
          <table class="rows">
            <Head columns={['Tenant', 'Status', 'Created (UTC)']} />
            <tbody>
              {tenants.map(({ id, status, created_at }) => (
                <tr>
                  <td>
                    <a data-row href={`${OPERATOR_HOME}/tenants/${id}`}>
                      {id}
                    </a>
                  </td>
                  <td>{status}</td>
                  <td>
                    <Time at={created_at} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </>
    ),
  });
}
