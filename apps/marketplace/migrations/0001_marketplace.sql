-- What the marketplace knows: references to what other systems own, and bounded summaries of it. Nothing here holds what
-- those systems log, measure or say.
-- Ids begin with a prefix and go on with a UUIDv7 in base32: in any collation they sort by time, so lists sort by them.

-- Typo-tolerant search; it belongs to what comes with PostgreSQL.
create extension if not exists pg_trgm;

create table fleetprompt.users (
  id text primary key,
  external_id text not null unique,
  email text,
  name text,
  roles text[] not null default '{user}' check (roles <@ array['user', 'publisher', 'admin'] and 'user' = any (roles)),
  disabled_at timestamptz,
  created_at timestamptz not null default now()
);
create index users_by_email on fleetprompt.users (lower(email)) where email is not null;

create table fleetprompt.publisher_profiles (
  id text primary key,
  user_id text not null unique references fleetprompt.users (id),
  display_name text not null check (char_length(display_name) between 1 and 80),
  bio_markdown text not null default '' check (char_length(bio_markdown) <= 10000),
  -- A badge, which grants nothing.
  verification_status text not null default 'unverified' check (verification_status in ('unverified', 'verified', 'failed')),
  verification_checked_at timestamptz,
  verification_reason text check (char_length(verification_reason) <= 1000),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (id, user_id)
);

-- Words of a text for the search: what is no letter or digit only parts them.
create function fleetprompt.words(text) returns text language sql immutable parallel safe strict
return regexp_replace(lower($1), '[^[:alnum:]]+', ' ', 'g');
create function fleetprompt.words(text[]) returns text language plpgsql immutable parallel safe strict as $$
begin
  return fleetprompt.words(array_to_string($1, ' '));
end $$;

create table fleetprompt.listings (
  id text primary key,
  publisher_id text not null,
  publisher_user_id text not null,
  asset_kind text not null check (asset_kind in ('whs_agent', 'agentromatic_workflow', 'spec_asset')),
  status text not null default 'draft' check (status in ('draft', 'published', 'unlisted', 'suspended')),
  -- What it goes back to when a suspension is lifted.
  status_before_suspension text check (status_before_suspension in ('draft', 'published', 'unlisted')),
  name text not null check (char_length(name) between 1 and 80),
  summary text not null default '' check (char_length(summary) <= 240),
  description_markdown text not null default '' check (char_length(description_markdown) <= 20000),
  tags text[] not null default '{}' check (cardinality(tags) <= 20),
  categories text[] not null default '{}' check (cardinality(categories) <= 10),
  -- [{ sha256, alt }] of pictures that the publisher uploaded.
  images jsonb not null default '[]' check (jsonb_array_length(images) <= 10),
  docs_url text check (docs_url like 'https://%' and char_length(docs_url) <= 2048),
  repo_url text check (repo_url like 'https://%' and char_length(repo_url) <= 2048),
  moderation_flagged boolean not null default false,
  moderation_reason text check (char_length(moderation_reason) <= 1000),
  -- Of the last thirty days, for sorting and showing; listing_stats_daily has the days.
  install_attempts_30d integer not null default 0 check (install_attempts_30d >= 0),
  downloads_30d integer not null default 0 check (downloads_30d >= 0),
  search tsvector not null generated always as (
    setweight(to_tsvector('simple', fleetprompt.words(name)), 'A') ||
    setweight(to_tsvector('simple', fleetprompt.words(tags) || ' ' || fleetprompt.words(categories)), 'B') ||
    setweight(to_tsvector('simple', fleetprompt.words(summary)), 'C') ||
    setweight(to_tsvector('simple', fleetprompt.words(description_markdown)), 'D')
  ) stored,
  -- The words that are found in spite of typing errors.
  fuzzy text not null generated always as (
    fleetprompt.words(name) || ' ' || fleetprompt.words(tags) || ' ' || fleetprompt.words(categories)
  ) stored,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  foreign key (publisher_id, publisher_user_id) references fleetprompt.publisher_profiles (id, user_id),
  check ((status = 'suspended') = (status_before_suspension is not null)),
  check (status <> 'suspended' or moderation_flagged)
);
create index listings_by_owner on fleetprompt.listings (publisher_user_id, id desc);
create index listings_by_owner_and_status on fleetprompt.listings (publisher_user_id, status, id desc);
create index listings_of_publisher on fleetprompt.listings (publisher_id, id desc) where status = 'published';
create index listings_by_update on fleetprompt.listings (updated_at desc, id desc) where status = 'published';
create index listings_by_installs on fleetprompt.listings (downloads_30d desc, id desc) where status = 'published';
create index listings_by_name on fleetprompt.listings ((lower(name) collate "C"), id) where status = 'published';
create index listings_by_word on fleetprompt.listings using gin (search) where status = 'published';
create index listings_by_similar_word on fleetprompt.listings using gin (fuzzy gin_trgm_ops) where status = 'published';
create index listings_by_tag on fleetprompt.listings using gin (tags) where status = 'published';
create index listings_by_category on fleetprompt.listings using gin (categories) where status = 'published';
create index listings_by_kind on fleetprompt.listings (asset_kind, updated_at desc, id desc) where status = 'published';
create index listings_with_installs on fleetprompt.listings (id) where install_attempts_30d > 0 or downloads_30d > 0;

create table fleetprompt.releases (
  id text primary key,
  listing_id text not null references fleetprompt.listings (id),
  publisher_user_id text not null references fleetprompt.users (id),
  version text not null check (char_length(version) <= 256),
  -- Sorts like the versions by SemVer 2.0 when compared byte by byte.
  version_order text collate "C" not null,
  is_prerelease boolean not null,
  status text not null default 'published' check (status in ('published', 'revoked')),
  compat jsonb not null default '{}',
  refs jsonb not null,
  artifacts jsonb not null default '[]',
  notes_markdown text not null default '' check (char_length(notes_markdown) <= 10000),
  published_at timestamptz not null default now(),
  revoked_at timestamptz,
  revoke_reason text check (char_length(revoke_reason) <= 1000),
  unique (listing_id, version),
  check ((status = 'revoked') = (revoked_at is not null))
);
create index releases_of_listing on fleetprompt.releases (listing_id, id desc);
create index releases_by_version on fleetprompt.releases (listing_id, is_prerelease, version_order desc) where status = 'published';
create index releases_shown on fleetprompt.releases (listing_id, id desc) where status = 'published';

create table fleetprompt.install_intents (
  id text primary key,
  buyer_user_id text not null references fleetprompt.users (id),
  listing_id text not null references fleetprompt.listings (id),
  release_id text not null references fleetprompt.releases (id),
  target_system text not null check (target_system in ('whs', 'agentromatic', 'agentelic')),
  target_context jsonb not null default '{}',
  status text not null default 'created' check (status in ('created', 'token_issued', 'redeemed', 'expired', 'canceled')),
  -- What the target system says of the install, and its own name for it.
  outcome text check (outcome in ('installed', 'failed')),
  correlation_id text check (char_length(correlation_id) <= 200),
  acknowledged_at timestamptz,
  expires_at timestamptz not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  check (outcome is null or status = 'redeemed'),
  check ((outcome is null) = (acknowledged_at is null))
);
create index install_intents_of_buyer on fleetprompt.install_intents (buyer_user_id, id desc);
create index install_intents_of_buyer_by_status on fleetprompt.install_intents (buyer_user_id, status, id desc);
create index install_intents_open on fleetprompt.install_intents (expires_at) where status in ('created', 'token_issued');
create index install_intents_by_age on fleetprompt.install_intents (created_at);
create index install_intents_of_listing on fleetprompt.install_intents (listing_id);
create index install_intents_of_release on fleetprompt.install_intents (release_id);

create table fleetprompt.install_tokens (
  -- The token is `fpi_` and an HMAC of this, so that it can be shown again without being stored.
  id text primary key,
  intent_id text not null references fleetprompt.install_intents (id) on delete cascade,
  token_sha256 bytea not null unique check (octet_length(token_sha256) = 32),
  status text not null default 'issued' check (status in ('issued', 'redeemed', 'expired', 'revoked')),
  expires_at timestamptz not null,
  redeemed_at timestamptz,
  created_at timestamptz not null default now(),
  check ((status = 'redeemed') = (redeemed_at is not null))
);
create unique index install_tokens_one_issued on fleetprompt.install_tokens (intent_id) where status = 'issued';
create index install_tokens_of_intent on fleetprompt.install_tokens (intent_id);
create index install_tokens_by_expiry on fleetprompt.install_tokens (expires_at);

create table fleetprompt.listing_stats_daily (
  listing_id text not null references fleetprompt.listings (id),
  day date not null,
  views bigint not null default 0,
  install_intents bigint not null default 0,
  redemptions bigint not null default 0,
  primary key (listing_id, day)
) with (fillfactor = 70);
create index listing_stats_daily_by_day on fleetprompt.listing_stats_daily (day);

create table fleetprompt.reports (
  id text primary key,
  listing_id text not null references fleetprompt.listings (id),
  reporter_user_id text not null references fleetprompt.users (id),
  reason text not null check (char_length(reason) between 1 and 1000),
  status text not null default 'open' check (status in ('open', 'settled')),
  created_at timestamptz not null default now(),
  settled_at timestamptz,
  check ((status = 'settled') = (settled_at is not null))
);
create index reports_by_status on fleetprompt.reports (status, id desc);
create index reports_of_listing on fleetprompt.reports (listing_id) where status = 'open';

create table fleetprompt.images (
  publisher_user_id text not null references fleetprompt.users (id),
  -- Of the bytes as they are served; they are in the blob store.
  sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
  size_bytes integer not null check (size_bytes > 0),
  width integer not null check (width > 0),
  height integer not null check (height > 0),
  created_at timestamptz not null default now(),
  primary key (publisher_user_id, sha256)
);
create index images_by_content on fleetprompt.images (sha256);
create index images_by_age on fleetprompt.images (created_at);

create table fleetprompt.audit_log (
  id text primary key,
  user_id text references fleetprompt.users (id),
  actor text not null,
  action text not null check (action ~ '^[a-z]+(\.[a-z_]+)+$'),
  target text,
  trace_id text,
  metadata jsonb not null default '{}' check (octet_length(metadata::text) <= 8192),
  at timestamptz not null default now()
);
create index audit_log_by_target on fleetprompt.audit_log (target, id desc);

create table fleetprompt.idempotency_keys (
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
create index idempotency_keys_by_expiry on fleetprompt.idempotency_keys (expires_at);

create unlogged table fleetprompt.rate_limits (
  key text primary key,
  points bigint not null check (points >= 0),
  expires_at timestamptz not null
) with (fillfactor = 50);
create index rate_limits_by_expiry on fleetprompt.rate_limits (expires_at);

create function fleetprompt.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
end $$;
create trigger audit_log_is_append_only before update or delete on fleetprompt.audit_log for each row execute function fleetprompt.refuse_change();
create trigger audit_log_is_never_emptied before truncate on fleetprompt.audit_log for each statement execute function fleetprompt.refuse_change();

create function fleetprompt.guard_listing() returns trigger language plpgsql as $$
begin
  if (new.id, new.publisher_id, new.publisher_user_id, new.asset_kind, new.created_at)
     is distinct from (old.id, old.publisher_id, old.publisher_user_id, old.asset_kind, old.created_at) then
    raise exception 'listing: its owner and kind do not change' using errcode = 'restrict_violation';
  end if;
  if new.status = 'published' and old.status <> 'published'
     and not exists (select from fleetprompt.releases r where r.listing_id = new.id and r.status = 'published') then
    raise exception 'listing: nothing is published without a release' using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger listings_guard before update on fleetprompt.listings for each row execute function fleetprompt.guard_listing();
create trigger listings_stay before delete on fleetprompt.listings for each row execute function fleetprompt.refuse_change();

create function fleetprompt.guard_release() returns trigger language plpgsql as $$
begin
  if old.status = 'revoked' or (new.id, new.listing_id, new.publisher_user_id, new.version, new.version_order, new.is_prerelease, new.compat, new.refs, new.artifacts, new.notes_markdown, new.published_at)
     is distinct from (old.id, old.listing_id, old.publisher_user_id, old.version, old.version_order, old.is_prerelease, old.compat, old.refs, old.artifacts, old.notes_markdown, old.published_at) then
    raise exception 'releases are immutable' using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger releases_guard before update on fleetprompt.releases for each row execute function fleetprompt.guard_release();
create trigger releases_stay before delete on fleetprompt.releases for each row execute function fleetprompt.refuse_change();

create function fleetprompt.guard_install_intent() returns trigger language plpgsql as $$
begin
  if old.status <> new.status and not (case old.status
    when 'created' then new.status in ('token_issued', 'expired', 'canceled')
    when 'token_issued' then new.status in ('redeemed', 'expired', 'canceled')
    else false
  end) then
    raise exception 'install intent cannot go from % to %', old.status, new.status using errcode = 'restrict_violation';
  end if;
  if (new.id, new.buyer_user_id, new.listing_id, new.release_id, new.target_system, new.target_context, new.created_at)
     is distinct from (old.id, old.buyer_user_id, old.listing_id, old.release_id, old.target_system, old.target_context, old.created_at) then
    raise exception 'install intent: this column does not change' using errcode = 'restrict_violation';
  end if;
  if old.outcome = 'installed' and new.outcome is distinct from 'installed' then
    raise exception 'install intent: what is installed stays so' using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger install_intents_guard before update on fleetprompt.install_intents for each row execute function fleetprompt.guard_install_intent();

create function fleetprompt.guard_install_token() returns trigger language plpgsql as $$
begin
  if old.status <> new.status and old.status <> 'issued' then
    raise exception 'install token cannot go from % to %', old.status, new.status using errcode = 'restrict_violation';
  end if;
  if (new.id, new.intent_id, new.token_sha256, new.expires_at, new.created_at)
     is distinct from (old.id, old.intent_id, old.token_sha256, old.expires_at, old.created_at) then
    raise exception 'install token: this column does not change' using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger install_tokens_guard before update on fleetprompt.install_tokens for each row execute function fleetprompt.guard_install_token();
