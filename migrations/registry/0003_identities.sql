-- Which tenants have a member who signs in under an account at the OpenID provider. Each tenant reports its own; whether
-- it is so, only the tenant itself says.
CREATE TABLE identities (
  subject TEXT NOT NULL,
  tenant TEXT NOT NULL,
  PRIMARY KEY (subject, tenant)
) STRICT, WITHOUT ROWID;
CREATE INDEX identities_of_tenants ON identities (tenant);
