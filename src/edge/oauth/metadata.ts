import { SCOPES } from '../../tools/tool.ts';
import { RESOURCES } from '../auth/resource-metadata.ts';
import { AUTH_METHODS } from './clients.ts';

export const METADATA_PATH = '/.well-known/oauth-authorization-server';

/** The metadata of the authorization server (RFC 8414) at one origin, which is its issuer. */
export function authorizationServerMetadata(issuer: string) {
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    registration_endpoint: `${issuer}/register`,
    revocation_endpoint: `${issuer}/revoke`,
    scopes_supported: SCOPES,
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: AUTH_METHODS,
    revocation_endpoint_auth_methods_supported: AUTH_METHODS,
    authorization_response_iss_parameter_supported: true,
    client_id_metadata_document_supported: true,
    protected_resources: RESOURCES.map((path) => `${issuer}${path}`),
  };
}
