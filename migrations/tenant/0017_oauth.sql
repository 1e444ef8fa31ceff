-- People who may sign in to this tenant. A sign-in key is never stored, only its digest.
CREATE TABLE members (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  -- How the member's account at the OpenID provider is recognised: 'email a@b.example' or 'sub 123'.
  identity TEXT,
  scopes TEXT NOT NULL,
  key_digest TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX members_by_identity ON members (identity) WHERE identity IS NOT NULL;

-- What members have granted to clients. The id of a grant is the `jti` of its access tokens.
-- The authorization code and the refresh tokens are derived from the seed, so none of them is stored.
CREATE TABLE grants (
  id TEXT PRIMARY KEY,
  member_id TEXT NOT NULL,
  client_digest TEXT NOT NULL,
  client_name TEXT NOT NULL,
  client_host TEXT NOT NULL,
  redirect_uri TEXT NOT NULL,
  challenge TEXT NOT NULL,
  scopes TEXT NOT NULL,
  seed TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  code_expires_at INTEGER NOT NULL,
  redeemed_at INTEGER,
  -- The number of the newest refresh token, when it replaced the one before it, and how often that was repeated.
  generation INTEGER NOT NULL DEFAULT 0,
  rotated_at INTEGER NOT NULL DEFAULT 0,
  retries INTEGER NOT NULL DEFAULT 0,
  -- When the grant ends if it is not refreshed, and when it ends in any case.
  expires_at INTEGER NOT NULL,
  ends_at INTEGER NOT NULL,
  ended_at INTEGER,
  -- When the row may be deleted: late enough that a replayed code or refresh token is still recognised.
  forget_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_of_members ON grants (member_id, created_at);
CREATE INDEX grants_to_forget ON grants (forget_at);

-- The tools that a token is held to, separated by spaces; NULL for all that its scopes allow.
ALTER TABLE tokens ADD COLUMN tools TEXT;
