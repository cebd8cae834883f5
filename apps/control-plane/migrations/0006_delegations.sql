-- Invocations that another service of the portfolio makes on behalf of a user: each key once, with its answer.

create table whs.delegated_invocations (
  external_user_id text not null,
  agent_id text not null,
  key_sha256 text not null,
  source text not null,
  request_hash text not null,
  status text not null check (status in ('running', 'done')),
  -- Encrypted; removed after a day, while key and hash stay for thirty.
  response bytea,
  owner uuid not null,
  claimed_until timestamptz not null,
  created_at timestamptz not null default now(),
  answer_expires_at timestamptz not null,
  expires_at timestamptz not null,
  primary key (external_user_id, agent_id, key_sha256)
);
create index delegated_invocations_by_expiry on whs.delegated_invocations (expires_at);
