-- Who issued a token, by name: a member, or the token that did; NULL for the operator.
ALTER TABLE tokens ADD COLUMN issued_by TEXT;
