-- A gateway's right to accept invocations of a user's period without asking again. What is used of a period is what
-- events have counted plus what leases hold beyond that: granted and not settled. A lease whose gateway is gone counts
-- in full until its part is proven unspent.
create table whs.usage_leases (
  -- Eight hexadecimal digits; the ids of the gateway's invocations end with them, which is how events find their lease.
  gateway_id text not null check (gateway_id ~ '^[0-9a-f]{8}$'),
  user_id text not null references whs.users (id),
  period text not null check (period ~ '^\d{4}-\d{2}$'),
  granted_requests bigint not null check (granted_requests >= 0),
  granted_tokens double precision not null check (granted_tokens >= 0),
  granted_compute_ms double precision not null check (granted_compute_ms >= 0),
  -- What the gateway has accepted, as it last said.
  spent_requests bigint not null default 0 check (spent_requests >= 0),
  spent_tokens double precision not null default 0 check (spent_tokens >= 0),
  spent_compute_ms double precision not null default 0 check (spent_compute_ms >= 0),
  -- What events have counted of it.
  settled_requests bigint not null default 0 check (settled_requests >= 0),
  settled_tokens double precision not null default 0 check (settled_tokens >= 0),
  settled_compute_ms double precision not null default 0 check (settled_compute_ms >= 0),
  expires_at timestamptz not null,
  primary key (user_id, period, gateway_id)
);
create index usage_leases_by_gateway on whs.usage_leases (gateway_id);
create index usage_leases_by_expiry on whs.usage_leases (expires_at);
