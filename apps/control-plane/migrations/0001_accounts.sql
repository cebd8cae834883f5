-- Who may do what, and what was done.
-- Ids begin with a prefix and go on with a UUIDv7 in base32: in any collation they sort by time, so lists sort by them.

create table whs.users (
  id text primary key,
  external_id text not null unique,
  email text,
  name text,
  subscription_tier text not null default 'free' check (subscription_tier in ('free', 'starter', 'pro', 'enterprise')),
  default_runtime_provider text not null default 'cloudflare' check (default_runtime_provider in ('cloudflare', 'agentcore')),
  billing_customer_id text,
  disabled_at timestamptz,
  created_at timestamptz not null default now()
);

create table whs.api_tokens (
  id text primary key,
  user_id text not null references whs.users (id),
  name text not null check (char_length(name) between 1 and 100),
  token_sha256 bytea not null unique check (octet_length(token_sha256) = 32),
  scopes text[] not null check (cardinality(scopes) > 0),
  expires_at timestamptz,
  last_used_at timestamptz,
  revoked_at timestamptz,
  created_at timestamptz not null default now()
);
create index api_tokens_by_owner on whs.api_tokens (user_id, id desc) where revoked_at is null;

create table whs.audit_log (
  id text primary key,
  user_id text references whs.users (id),
  actor text not null,
  action text not null check (action ~ '^[a-z]+(\.[a-z_]+)+$'),
  target text,
  trace_id text,
  metadata jsonb not null default '{}' check (octet_length(metadata::text) <= 8192),
  at timestamptz not null default now()
);
create index audit_log_by_owner on whs.audit_log (user_id, id desc);

create function whs.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
end $$;
create trigger audit_log_is_append_only before update or delete on whs.audit_log for each row execute function whs.refuse_change();
create trigger audit_log_is_never_emptied before truncate on whs.audit_log for each statement execute function whs.refuse_change();

create table whs.idempotency_keys (
  scope text not null,
  method text not null,
  path text not null,
  key_sha256 text not null,
  request_hash text not null,
  status text not null check (status in ('running', 'done')),
  response bytea,
  owner uuid not null,
  claimed_until timestamptz not null,
  expires_at timestamptz not null,
  primary key (scope, method, path, key_sha256),
  check (status = 'running' or response is not null)
);
create index idempotency_keys_by_expiry on whs.idempotency_keys (expires_at);
