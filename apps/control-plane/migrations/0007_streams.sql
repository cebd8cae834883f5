-- Events of running and recent streams, so that a client that lost its connection goes on at any gateway.

create unlogged table whs.streams (
  id text primary key,
  user_id text not null,
  agent_id text not null,
  gateway_id text not null,
  status text not null check (status in ('running', 'done')),
  last_event_id integer not null default 0,
  expires_at timestamptz not null
);
create index streams_by_expiry on whs.streams (expires_at);

create unlogged table whs.stream_events (
  stream_id text not null references whs.streams (id) on delete cascade,
  event_id integer not null,
  -- The event as it went over the wire; encrypted, since it holds what the agent said.
  frame bytea not null,
  primary key (stream_id, event_id)
);
