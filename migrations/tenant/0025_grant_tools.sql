-- The tools that a grant is held to, separated by spaces; NULL for all that its scopes allow.
ALTER TABLE grants ADD COLUMN tools TEXT;
