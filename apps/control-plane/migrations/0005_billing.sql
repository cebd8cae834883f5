-- Plans that are paid for, and what a billing provider said of them.

create table whs.subscriptions (
  id text primary key,
  user_id text not null references whs.users (id),
  provider text not null check (provider in ('lemonsqueezy', 'local')),
  provider_subscription_id text not null,
  tier text not null check (tier in ('free', 'starter', 'pro', 'enterprise')),
  status text not null,
  ends_at timestamptz,
  -- Order of what the provider said; an older event never overwrites a newer state.
  provider_updated_at timestamptz not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (provider, provider_subscription_id)
);
create index subscriptions_by_owner on whs.subscriptions (user_id);
create index subscriptions_by_end on whs.subscriptions (ends_at) where ends_at is not null;

create table whs.billing_events (
  provider text not null,
  event_id text not null,
  event_name text not null,
  user_id text references whs.users (id),
  outcome text not null check (outcome in ('applied', 'stale', 'ignored')),
  received_at timestamptz not null default now(),
  primary key (provider, event_id)
);
create trigger billing_events_are_append_only before update or delete on whs.billing_events for each row execute function whs.refuse_change();

-- Aggregates by period, re-computed from the events by the reconciliation job; kept 13 months.
create table whs.billing_usage (
  user_id text not null references whs.users (id),
  period text not null check (period ~ '^\d{4}-\d{2}$'),
  totals jsonb not null,
  by_runtime jsonb not null,
  last_aggregated_at timestamptz not null,
  primary key (user_id, period)
);
