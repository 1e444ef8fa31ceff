-- Access tokens of connections that get them by OAuth 2.0, encrypted like the secrets, as JSON: the present token, who renews
-- it, and whether the credential was refused. Empty when there is nothing of it.
ALTER TABLE connections ADD COLUMN tokens TEXT NOT NULL DEFAULT '';
