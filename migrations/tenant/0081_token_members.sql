-- The member at whose word a token was issued: in their own session, or by what a client or token of theirs has done. NULL for
-- the operator, and for tokens of before whose member cannot be told by name.
ALTER TABLE tokens ADD COLUMN member TEXT;
UPDATE tokens SET member =
  (SELECT min(id) FROM members WHERE members.name = tokens.issued_by GROUP BY members.name HAVING count(*) = 1);
