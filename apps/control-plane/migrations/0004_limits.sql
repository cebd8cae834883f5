-- Budgets: what is granted to gateways and reserved for running invocations, beside what events have counted.

alter table whs.usage_counters
  add column leased_requests bigint not null default 0 check (leased_requests >= 0),
  add column leased_tokens double precision not null default 0 check (leased_tokens >= 0),
  add column leased_compute_ms double precision not null default 0 check (leased_compute_ms >= 0);

-- A gateway's right to accept requests of a user's period without asking again. The counter row holds the sum of what
-- is granted and not given back; a lease whose gateway is gone counts as spent until its part is proven unspent.
create table whs.usage_leases (
  id text primary key,
  gateway_id text not null,
  user_id text not null references whs.users (id),
  period text not null,
  runtime_provider text not null check (runtime_provider in ('cloudflare', 'agentcore')),
  granted_requests bigint not null check (granted_requests >= 0),
  granted_tokens double precision not null check (granted_tokens >= 0),
  granted_compute_ms double precision not null check (granted_compute_ms >= 0),
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);
create index usage_leases_by_counter on whs.usage_leases (user_id, period);
create index usage_leases_by_expiry on whs.usage_leases (expires_at);
