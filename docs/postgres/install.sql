-- Prepares one database for Bulkhead. Run it once, as a superuser, with psql:
--
--   psql --set=ON_ERROR_STOP=1 --dbname=YOUR_DATABASE --file=docs/postgres/install.sql
--
-- It makes the schema "bulkhead", its owner, and the role that tools log in as. docs/postgres.md explains each part.
-- PostgreSQL 15 or later. Bodies of functions contain no backslash, because a caller can change what one means.

BEGIN;
SET LOCAL search_path = pg_catalog, pg_temp;

-- 1. Roles. The owner of the schema cannot log in. The login role owns nothing and is a member of no role, so that
--    no statement can raise it.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'bulkhead_owner') THEN
    CREATE ROLE bulkhead_owner NOLOGIN;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'bulkhead_tools') THEN
    CREATE ROLE bulkhead_tools LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
  END IF;
END
$$;

-- All tenants share the login, so its sessions must not show their statements in pg_stat_activity.
ALTER ROLE bulkhead_tools SET track_activities = off;
ALTER ROLE bulkhead_tools SET statement_timeout = '10s';
ALTER ROLE bulkhead_tools SET lock_timeout = '5s';
-- A statement whose client has gone is cancelled, without a second connection that could name another session.
ALTER ROLE bulkhead_tools SET client_connection_check_interval = '1s';
ALTER ROLE bulkhead_tools SET idle_in_transaction_session_timeout = '15s';

-- 2. What PostgreSQL allows to everybody, and tools must not do.
DO $$
BEGIN
  EXECUTE format('REVOKE TEMPORARY, CREATE ON DATABASE %I FROM PUBLIC', current_database());
END
$$;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;

-- 3. The keys that sign tenants in. Only the owner reads them. They are stored as the two padded blocks of HMAC
--    (RFC 2104), because SQL cannot XOR byte strings.
CREATE SCHEMA bulkhead AUTHORIZATION bulkhead_owner;
REVOKE ALL ON SCHEMA bulkhead FROM PUBLIC;
GRANT USAGE ON SCHEMA bulkhead TO bulkhead_tools;

SET LOCAL ROLE bulkhead_owner;

CREATE TABLE bulkhead.signing_keys (
  kid text COLLATE "C" PRIMARY KEY CHECK (kid ~ '^[A-Za-z0-9_-]{1,32}$'),
  inner_block bytea NOT NULL CHECK (length(inner_block) = 64),
  outer_block bytea NOT NULL CHECK (length(outer_block) = 64),
  created_at timestamptz NOT NULL DEFAULT now()
);
REVOKE ALL ON bulkhead.signing_keys FROM PUBLIC;

-- Adds a random key, and returns it as kid:secret for the setting DATABASES. It is shown this once.
CREATE FUNCTION bulkhead.add_key(kid text) RETURNS text
  LANGUAGE plpgsql VOLATILE
  SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
  -- Three random UUIDs have 366 random bits.
  secret bytea := sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
  inner_block bytea := decode(repeat('36', 64), 'hex');
  outer_block bytea := decode(repeat('5c', 64), 'hex');
BEGIN
  FOR i IN 0..31 LOOP
    inner_block := set_byte(inner_block, i, get_byte(inner_block, i) # get_byte(secret, i));
    outer_block := set_byte(outer_block, i, get_byte(outer_block, i) # get_byte(secret, i));
  END LOOP;
  INSERT INTO bulkhead.signing_keys VALUES (kid, inner_block, outer_block);
  RETURN kid || ':' || rtrim(translate(encode(secret, 'base64'), '+/', '-_'), '=');
END
$body$;
REVOKE ALL ON FUNCTION bulkhead.add_key(text) FROM PUBLIC;

-- The tenant that is signed in to this transaction; an error when there is none.
--
-- The setting bulkhead.claim is kid:signature:tenant. Any statement can write it, so it counts only with an
-- HMAC-SHA256 by a key of the table over the session, the start of the transaction, the tenant and the database.
-- A claim that is read in one transaction is worthless in every other.
CREATE FUNCTION bulkhead.tenant() RETURNS text
  LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED
  SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
  claim text[] := string_to_array(current_setting('bulkhead.claim', true), ':');
  message bytea;
BEGIN
  IF array_length(claim, 1) = 3 THEN
    message := convert_to(concat_ws(':', 'v1', claim[1], pg_backend_pid(),
      (extract(epoch FROM transaction_timestamp()) * 1000000)::bigint, claim[3], current_database()), 'UTF8');
    -- Everything about the key stays within this query: a plan that a caller prints contains no value of it. Hashing
    -- both sides again makes the time of the comparison useless to somebody who guesses signatures.
    PERFORM FROM bulkhead.signing_keys AS key
      WHERE key.kid = claim[1]
        AND sha256(key.outer_block || convert_to(claim[2], 'UTF8')) = sha256(key.outer_block || convert_to(
          encode(sha256(key.outer_block || sha256(key.inner_block || message)), 'hex'), 'UTF8'));
    IF FOUND THEN
      RETURN claim[3];
    END IF;
  END IF;
  RAISE EXCEPTION 'no tenant is signed in to this transaction' USING ERRCODE = 'insufficient_privilege';
END
$body$;
REVOKE ALL ON FUNCTION bulkhead.tenant() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION bulkhead.tenant() TO bulkhead_tools;

RESET ROLE;

-- 4. Functions by which one tenant's statement could reach another's session or leave something for it: cancelling,
--    notifications, advisory locks and large objects. Roles that monitor keep what they need.
DO $$
DECLARE
  shared regprocedure;
BEGIN
  FOR shared IN
    SELECT oid FROM pg_catalog.pg_proc
    WHERE pronamespace = 'pg_catalog'::regnamespace
      AND proname ~ '^(pg_(cancel|terminate)_backend|pg_notify|pg_(try_)?advisory_(xact_)?lock.*|lo_.*|lo(read|write)|pg_export_snapshot|pg_logical_emit_message)$'
  LOOP
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', shared);
  END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION pg_cancel_backend(int), pg_terminate_backend(int, bigint) TO pg_signal_backend;

COMMIT;
