-- The tenant's own storage quota in bytes; null: that of the deployment.
ALTER TABLE tenant ADD COLUMN storage_quota INTEGER;

-- What these kinds of stored data take, updated by the triggers below whichever statement changes the data, so that reading
-- it never scans a large table. `bytes` counts the texts and values of the rows. What a row takes besides (columns of
-- fixed size, index entries) is `entries` times a constant in `src/tools/totals.ts`. Cells and their history are not among
-- them: every write would pay for it. The unused ends of pages, and the overflow pages of long texts in indexes, are
-- counted too, so that bookkeeping is not taken for data.
CREATE TABLE storage_totals (
  kind TEXT PRIMARY KEY CHECK (kind IN
    ('claims', 'scars', 'shown', 'questions', 'leases', 'counters', 'idempotency', 'sessions')),
  entries INTEGER NOT NULL,
  bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO storage_totals (kind, entries, bytes)
  SELECT 'claims', count(*), coalesce(sum(6 * octet_length(concat(author, run_id, key, run_id, key)) / 5 + iif(octet_length(run_id || key) > 900, 4500, 0)), 0)
    FROM board_marks;
INSERT INTO storage_totals (kind, entries, bytes)
  SELECT 'scars', count(*), coalesce(sum(
      octet_length(concat(error_type, error_message, context, action, cause)) + 3 * octet_length(concat(tokens, names))
    ), 0) FROM scars;
INSERT INTO storage_totals (kind, entries, bytes)
  SELECT 'shown', count(*), coalesce(sum(7 * octet_length(run_id) / 3), 0) FROM scar_shown;
INSERT INTO storage_totals (kind, entries, bytes)
  SELECT 'questions', count(*), coalesce(sum(octet_length(concat(key, key, ns, model, text))), 0) FROM cache_asked;
INSERT INTO storage_totals (kind, entries, bytes)
  SELECT 'leases', count(*), coalesce(sum(octet_length(concat(key, key, ns, model))), 0) FROM cache_leases;
INSERT INTO storage_totals (kind, entries, bytes)
  SELECT 'counters', count(*), coalesce(sum(octet_length(ns || model)), 0) FROM cache_days;
INSERT INTO storage_totals (kind, entries, bytes)
  SELECT 'idempotency', count(*), coalesce(sum(octet_length(concat(tool, key, tool, key, digest, answer))), 0)
    FROM idempotency;
INSERT INTO storage_totals (kind, entries, bytes)
  SELECT 'sessions',
    (SELECT count(*) FROM sessions) + (SELECT count(*) FROM subscriptions),
    (SELECT coalesce(sum(octet_length(client)), 0) FROM sessions)
      + (SELECT coalesce(sum(2 * octet_length(run_id || key)), 0) FROM subscriptions);

CREATE TRIGGER total_claim_added AFTER INSERT ON board_marks BEGIN
  UPDATE storage_totals SET entries = entries + 1,
    bytes = bytes + 6 * octet_length(concat(new.author, new.run_id, new.key, new.run_id, new.key)) / 5 + iif(octet_length(new.run_id || new.key) > 900, 4500, 0) WHERE kind = 'claims';
END;
CREATE TRIGGER total_claim_removed AFTER DELETE ON board_marks BEGIN
  UPDATE storage_totals SET entries = entries - 1,
    bytes = bytes - (6 * octet_length(concat(old.author, old.run_id, old.key, old.run_id, old.key)) / 5 + iif(octet_length(old.run_id || old.key) > 900, 4500, 0)) WHERE kind = 'claims';
END;

CREATE TRIGGER total_scar_added AFTER INSERT ON scars BEGIN
  UPDATE storage_totals SET entries = entries + 1, bytes = bytes
    + octet_length(concat(new.error_type, new.error_message, new.context, new.action, new.cause))
    + 3 * octet_length(concat(new.tokens, new.names)) WHERE kind = 'scars';
END;
CREATE TRIGGER total_scar_resized AFTER UPDATE OF error_message, context, action, cause, tokens, names ON scars BEGIN
  UPDATE storage_totals SET bytes = bytes
    + octet_length(concat(new.error_type, new.error_message, new.context, new.action, new.cause))
    + 3 * octet_length(concat(new.tokens, new.names))
    - octet_length(concat(old.error_type, old.error_message, old.context, old.action, old.cause))
    - 3 * octet_length(concat(old.tokens, old.names)) WHERE kind = 'scars';
END;
CREATE TRIGGER total_scar_removed AFTER DELETE ON scars BEGIN
  UPDATE storage_totals SET entries = entries - 1, bytes = bytes
    - octet_length(concat(old.error_type, old.error_message, old.context, old.action, old.cause))
    - 3 * octet_length(concat(old.tokens, old.names)) WHERE kind = 'scars';
END;

CREATE TRIGGER total_shown_added AFTER INSERT ON scar_shown BEGIN
  UPDATE storage_totals SET entries = entries + 1, bytes = bytes + 7 * octet_length(new.run_id) / 3 WHERE kind = 'shown';
END;
CREATE TRIGGER total_shown_removed AFTER DELETE ON scar_shown BEGIN
  UPDATE storage_totals SET entries = entries - 1, bytes = bytes - 7 * octet_length(old.run_id) / 3 WHERE kind = 'shown';
END;

CREATE TRIGGER total_question_added AFTER INSERT ON cache_asked BEGIN
  UPDATE storage_totals SET entries = entries + 1,
    bytes = bytes + octet_length(concat(new.key, new.key, new.ns, new.model, new.text)) WHERE kind = 'questions';
END;
CREATE TRIGGER total_question_removed AFTER DELETE ON cache_asked BEGIN
  UPDATE storage_totals SET entries = entries - 1,
    bytes = bytes - octet_length(concat(old.key, old.key, old.ns, old.model, old.text)) WHERE kind = 'questions';
END;

CREATE TRIGGER total_lease_added AFTER INSERT ON cache_leases BEGIN
  UPDATE storage_totals SET entries = entries + 1,
    bytes = bytes + octet_length(concat(new.key, new.key, new.ns, new.model)) WHERE kind = 'leases';
END;
CREATE TRIGGER total_lease_removed AFTER DELETE ON cache_leases BEGIN
  UPDATE storage_totals SET entries = entries - 1,
    bytes = bytes - octet_length(concat(old.key, old.key, old.ns, old.model)) WHERE kind = 'leases';
END;

CREATE TRIGGER total_counter_added AFTER INSERT ON cache_days BEGIN
  UPDATE storage_totals SET entries = entries + 1, bytes = bytes + octet_length(new.ns || new.model) WHERE kind = 'counters';
END;
CREATE TRIGGER total_counter_removed AFTER DELETE ON cache_days BEGIN
  UPDATE storage_totals SET entries = entries - 1, bytes = bytes - octet_length(old.ns || old.model) WHERE kind = 'counters';
END;

CREATE TRIGGER total_answer_added AFTER INSERT ON idempotency BEGIN
  UPDATE storage_totals SET entries = entries + 1,
    bytes = bytes + octet_length(concat(new.tool, new.key, new.tool, new.key, new.digest, new.answer)) WHERE kind = 'idempotency';
END;
CREATE TRIGGER total_answer_replaced AFTER UPDATE ON idempotency BEGIN
  UPDATE storage_totals SET
    bytes = bytes + octet_length(concat(new.digest, new.answer)) - octet_length(concat(old.digest, old.answer))
    WHERE kind = 'idempotency';
END;
CREATE TRIGGER total_answer_removed AFTER DELETE ON idempotency BEGIN
  UPDATE storage_totals SET entries = entries - 1,
    bytes = bytes - octet_length(concat(old.tool, old.key, old.tool, old.key, old.digest, old.answer)) WHERE kind = 'idempotency';
END;

CREATE TRIGGER total_session_added AFTER INSERT ON sessions BEGIN
  UPDATE storage_totals SET entries = entries + 1, bytes = bytes + octet_length(new.client) WHERE kind = 'sessions';
END;
CREATE TRIGGER total_session_removed AFTER DELETE ON sessions BEGIN
  UPDATE storage_totals SET entries = entries - 1, bytes = bytes - octet_length(old.client) WHERE kind = 'sessions';
END;
CREATE TRIGGER total_subscription_added AFTER INSERT ON subscriptions BEGIN
  UPDATE storage_totals SET entries = entries + 1, bytes = bytes + 2 * octet_length(new.run_id || new.key) WHERE kind = 'sessions';
END;
CREATE TRIGGER total_subscription_removed AFTER DELETE ON subscriptions BEGIN
  UPDATE storage_totals SET entries = entries - 1, bytes = bytes - 2 * octet_length(old.run_id || old.key) WHERE kind = 'sessions';
END;
