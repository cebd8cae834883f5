-- Agents, their immutable deployments and what belongs to them.

create table whs.agents (
  id text primary key,
  user_id text not null references whs.users (id),
  name text not null check (name ~ '^[A-Za-z0-9_-]{3,64}$'),
  description text check (char_length(description) <= 4000),
  framework text check (char_length(framework) <= 64),
  runtime_provider text not null check (runtime_provider in ('cloudflare', 'agentcore')),
  status text not null default 'created' check (status in ('created', 'deploying', 'active', 'error', 'disabled')),
  active_deployment_id text,
  env_var_keys text[] not null default '{}' check (cardinality(env_var_keys) <= 128),
  provider_config jsonb not null,
  sharing text not null default 'private' check (sharing in ('private', 'installable')),
  next_version integer not null default 1 check (next_version >= 1),
  secrets_revision integer not null default 0,
  last_deployed_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  unique (id, user_id),
  check (num_nonnulls(nullif(provider_config -> 'cloudflare', 'null'), nullif(provider_config -> 'agentcore', 'null')) = 1),
  check (nullif(provider_config -> runtime_provider, 'null') is not null),
  check (status <> 'active' or active_deployment_id is not null)
);
create unique index agents_name_among_the_living on whs.agents (user_id, lower(name)) where deleted_at is null;
create index agents_by_owner on whs.agents (user_id, id desc) where deleted_at is null;

create table whs.uploads (
  id text primary key,
  user_id text not null references whs.users (id),
  sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
  size_bytes bigint not null check (size_bytes > 0),
  content_type text not null,
  blob_key text not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);
create index uploads_by_expiry on whs.uploads (expires_at);

create table whs.deployments (
  id text primary key,
  user_id text not null,
  agent_id text not null,
  version integer not null check (version >= 1),
  runtime_provider text not null check (runtime_provider in ('cloudflare', 'agentcore')),
  status text not null default 'deploying' check (status in ('deploying', 'active', 'failed', 'rolled_back')),
  set_as_active boolean not null,
  agent_status_before text not null check (agent_status_before in ('created', 'active', 'error')),
  commit_hash text,
  artifact jsonb not null,
  manifest jsonb,
  provider_ref jsonb,
  telemetry_auth_ref jsonb not null,
  error_message text check (char_length(error_message) <= 4000),
  created_at timestamptz not null default now(),
  deployed_at timestamptz,
  finished_at timestamptz,
  deployed_by text not null references whs.users (id),
  idempotency_key text,
  unique (agent_id, version),
  unique (agent_id, id),
  foreign key (agent_id, user_id) references whs.agents (id, user_id),
  check ((status = 'failed') = (error_message is not null)),
  check ((status = 'deploying') = (finished_at is null)),
  check (status in ('deploying', 'failed') or (deployed_at is not null and provider_ref is not null and manifest is not null))
);
create unique index deployments_one_running on whs.deployments (agent_id) where status = 'deploying';
create index deployments_by_agent on whs.deployments (agent_id, version desc);
create index deployments_by_owner on whs.deployments (user_id, id desc);

alter table whs.agents add foreign key (id, active_deployment_id) references whs.deployments (agent_id, id);

-- Which status may follow which; the same lists stand in state.ts of the features.
create function whs.guard_agent() returns trigger language plpgsql as $$
begin
  if old.status <> new.status and not (case old.status
    when 'created' then new.status in ('deploying', 'active', 'disabled')
    when 'active' then new.status in ('deploying', 'disabled')
    when 'error' then new.status in ('deploying', 'active', 'disabled')
    when 'deploying' then new.status in ('active', 'error', 'created', 'disabled')
    when 'disabled' then new.status in ('active', 'created')
  end) then
    raise exception 'agent cannot go from % to %', old.status, new.status using errcode = 'restrict_violation';
  end if;
  if (new.id, new.user_id, new.created_at) is distinct from (old.id, old.user_id, old.created_at) or new.next_version < old.next_version or (old.deleted_at is not null and new.deleted_at is distinct from old.deleted_at) then
    raise exception 'agent: this column does not change' using errcode = 'restrict_violation';
  end if;
  if new.runtime_provider <> old.runtime_provider and (old.status = 'deploying' or old.active_deployment_id is not null) then
    raise exception 'agent: the runtime does not change under a deployment' using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger agents_guard before update on whs.agents for each row execute function whs.guard_agent();

create function whs.guard_deployment() returns trigger language plpgsql as $$
declare
  added jsonb;
begin
  if old.status <> new.status and not (case old.status
    when 'deploying' then new.status in ('active', 'failed')
    when 'active' then new.status = 'rolled_back'
    when 'rolled_back' then new.status = 'active'
    else false
  end) then
    raise exception 'deployment cannot go from % to %', old.status, new.status using errcode = 'restrict_violation';
  end if;
  if (new.id, new.user_id, new.agent_id, new.version, new.runtime_provider, new.set_as_active, new.agent_status_before, new.commit_hash, new.created_at, new.deployed_by, new.idempotency_key)
     is distinct from
     (old.id, old.user_id, old.agent_id, old.version, old.runtime_provider, old.set_as_active, old.agent_status_before, old.commit_hash, old.created_at, old.deployed_by, old.idempotency_key) then
    raise exception 'deployments are immutable' using errcode = 'restrict_violation';
  end if;
  if old.status <> 'deploying' and (new.manifest, new.provider_ref, new.artifact, new.deployed_at, new.finished_at, new.error_message)
     is distinct from (old.manifest, old.provider_ref, old.artifact, old.deployed_at, old.finished_at, old.error_message) then
    raise exception 'deployments are immutable' using errcode = 'restrict_violation';
  end if;
  -- While deploying, what was not known yet may be filled in once.
  if (old.manifest is not null and new.manifest is distinct from old.manifest) or (old.provider_ref is not null and new.provider_ref is distinct from old.provider_ref) then
    raise exception 'deployments are immutable' using errcode = 'restrict_violation';
  end if;
  if new.artifact is distinct from old.artifact then
    added := new.artifact - array(select jsonb_object_keys(old.artifact));
    if not new.artifact @> old.artifact or (select count(*) from jsonb_object_keys(added) as name where name not in ('agentcoreContainer', 'resolved')) > 0 then
      raise exception 'deployments are immutable' using errcode = 'restrict_violation';
    end if;
  end if;
  if new.telemetry_auth_ref is distinct from old.telemetry_auth_ref and (
       new.telemetry_auth_ref - '{version,rotatedAt}'::text[] is distinct from old.telemetry_auth_ref - '{version,rotatedAt}'::text[]
       or (new.telemetry_auth_ref ->> 'version')::int <= (old.telemetry_auth_ref ->> 'version')::int) then
    raise exception 'a telemetry key version only goes up' using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger deployments_guard before update on whs.deployments for each row execute function whs.guard_deployment();
create trigger deployments_stay before delete on whs.deployments for each row execute function whs.refuse_change();

create table whs.secret_refs (
  agent_id text not null references whs.agents (id),
  key text not null,
  store_ref text not null,
  version integer not null,
  set_at timestamptz not null default now(),
  set_by text not null references whs.users (id),
  primary key (agent_id, key)
);

create table whs.sessions (
  id text primary key,
  user_id text not null references whs.users (id),
  agent_id text not null references whs.agents (id),
  runtime_provider text not null,
  provider_session_id text not null,
  created_at timestamptz not null default now(),
  last_used_at timestamptz not null default now(),
  expires_at timestamptz not null
);
create index sessions_by_expiry on whs.sessions (expires_at);
create index sessions_by_agent on whs.sessions (agent_id);
