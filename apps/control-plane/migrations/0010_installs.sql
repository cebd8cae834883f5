-- What was installed from the marketplace: one agent for an install intent, however often its token is sent.

create table whs.installs (
  install_intent_id text primary key,
  user_id text not null references whs.users (id),
  agent_id text not null unique,
  listing_id text not null,
  release_id text not null,
  release_version text not null,
  -- The buyer's own copy of the release's bytes.
  upload_id text not null,
  installed_at timestamptz not null default now(),
  -- When the marketplace has been told.
  acknowledged_at timestamptz,
  foreign key (agent_id, user_id) references whs.agents (id, user_id)
);
create index installs_by_owner on whs.installs (user_id, installed_at desc);
