/**
 * The files of `migrations/tenant`, one line for each, which puts them into the Worker. The local server reads the
 * directory instead. A file that is missing here fails a test that prints the line to add.
 */
export { default as '0001_core.sql' } from '../../../migrations/tenant/0001_core.sql';
export { default as '0002_blackboard.sql' } from '../../../migrations/tenant/0002_blackboard.sql';
export { default as '0003_scar.sql' } from '../../../migrations/tenant/0003_scar.sql';
export { default as '0004_cache.sql' } from '../../../migrations/tenant/0004_cache.sql';
export { default as '0005_sessions.sql' } from '../../../migrations/tenant/0005_sessions.sql';
export { default as '0007_subscriptions_of_cells.sql' } from '../../../migrations/tenant/0007_subscriptions_of_cells.sql';
export { default as '0008_storage_totals.sql' } from '../../../migrations/tenant/0008_storage_totals.sql';
export { default as '0010_generation.sql' } from '../../../migrations/tenant/0010_generation.sql';
export { default as '0011_growth.sql' } from '../../../migrations/tenant/0011_growth.sql';
export { default as '0012_queue.sql' } from '../../../migrations/tenant/0012_queue.sql';
export { default as '0013_scar_names.sql' } from '../../../migrations/tenant/0013_scar_names.sql';
export { default as '0014_cache_key_version.sql' } from '../../../migrations/tenant/0014_cache_key_version.sql';
export { default as '0015_records.sql' } from '../../../migrations/tenant/0015_records.sql';
export { default as '0016_usage.sql' } from '../../../migrations/tenant/0016_usage.sql';
export { default as '0017_oauth.sql' } from '../../../migrations/tenant/0017_oauth.sql';
export { default as '0018_connections.sql' } from '../../../migrations/tenant/0018_connections.sql';
export { default as '0025_grant_tools.sql' } from '../../../migrations/tenant/0025_grant_tools.sql';
export { default as '0030_approvals.sql' } from '../../../migrations/tenant/0030_approvals.sql';
export { default as '0035_console_sessions.sql' } from '../../../migrations/tenant/0035_console_sessions.sql';
export { default as '0036_token_issuers.sql' } from '../../../migrations/tenant/0036_token_issuers.sql';
export { default as '0050_connection_tokens.sql' } from '../../../migrations/tenant/0050_connection_tokens.sql';
export { default as '0055_exports.sql' } from '../../../migrations/tenant/0055_exports.sql';
export { default as '0060_event_indexes.sql' } from '../../../migrations/tenant/0060_event_indexes.sql';
export { default as '0061_search_merges.sql' } from '../../../migrations/tenant/0061_search_merges.sql';
export { default as '0062_idle_merges.sql' } from '../../../migrations/tenant/0062_idle_merges.sql';
export { default as '0070_ledger_behind.sql' } from '../../../migrations/tenant/0070_ledger_behind.sql';
export { default as '0071_queue_behind.sql' } from '../../../migrations/tenant/0071_queue_behind.sql';
export { default as '0080_standing_runs.sql' } from '../../../migrations/tenant/0080_standing_runs.sql';
export { default as '0081_token_members.sql' } from '../../../migrations/tenant/0081_token_members.sql';
