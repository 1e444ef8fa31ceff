/** The headers of pages for people: never framed, never stored, and only allowed what their policy names. */

/** @param allowed the directives of the content security policy beyond those that all pages have */
export const pageHeaders = (allowed: readonly string[]) => ({
  'content-security-policy': [
    "default-src 'none'",
    ...allowed,
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'x-frame-options': 'DENY',
  'x-content-type-options': 'nosniff',
  // Under `no-referrer` browsers send the form with `Origin: null`.
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
});
