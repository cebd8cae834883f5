-- Windows of shared rate limits: how many points a key has taken since its window began. What is lost in a crash of the
-- database is at most one window, so nothing of this is written to the log.
create unlogged table whs.rate_limits (
  -- What is limited, and a digest of whom.
  key text primary key,
  points bigint not null check (points >= 0),
  -- End of the window.
  expires_at timestamptz not null
) with (fillfactor = 50);
create index rate_limits_by_expiry on whs.rate_limits (expires_at);

-- How many of a user's invocations a gateway may run at once without asking again. The sum over the gateways never passes
-- the plan's figure; a gateway that is gone gives its part back by expiry.
create unlogged table whs.concurrency_leases (
  user_id text not null,
  -- Eight hexadecimal digits, as in usage_leases.
  gateway_id text not null check (gateway_id ~ '^[0-9a-f]{8}$'),
  slots integer not null check (slots > 0),
  expires_at timestamptz not null,
  primary key (user_id, gateway_id)
) with (fillfactor = 50);
create index concurrency_leases_by_expiry on whs.concurrency_leases (expires_at);
