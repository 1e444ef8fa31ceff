-- What the operator has done, to any tenant and to the deployment, the newest 5,000. The tenant's own records have the same; this
-- list also has what was done to tenants that do not exist any more.
CREATE TABLE actions (
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  -- Empty for an action on the deployment.
  tenant TEXT NOT NULL,
  action TEXT NOT NULL,
  -- Who the operator said to be, which nothing proves.
  named TEXT,
  -- Why it was refused.
  code TEXT,
  -- JSON: an array of {what, from, to}.
  changed TEXT NOT NULL
) STRICT;
