-- When the call was held for which a yes stands: calls with the same key may be of a later run, which nobody has approved.
ALTER TABLE standing_approvals ADD COLUMN held_at INTEGER NOT NULL DEFAULT 0;
UPDATE standing_approvals SET held_at =
  coalesce((SELECT held_at FROM held_calls WHERE held_calls.id = standing_approvals.id), given_at);
