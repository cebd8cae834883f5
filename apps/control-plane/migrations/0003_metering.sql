-- What invocations did and used. The large tables are partitioned by the day (UTC) in the record's id.

create table whs.invocations (
  day date not null,
  id text not null,
  user_id text not null,
  agent_id text not null,
  deployment_id text not null,
  runtime_provider text not null,
  trace_id text not null,
  started_at timestamptz not null,
  duration_ms double precision not null,
  status_code smallint not null,
  error_code text,
  error_message text check (char_length(error_message) <= 1000),
  session_hash bytea,
  primary key (day, id)
) partition by range (day);
create index invocations_failed on whs.invocations (agent_id, id desc) where error_code is not null;
create index invocations_by_trace on whs.invocations (user_id, trace_id);

create table whs.metrics_events (
  day date not null,
  event_id text not null,
  user_id text not null,
  agent_id text not null,
  deployment_id text not null,
  runtime_provider text not null check (runtime_provider in ('cloudflare', 'agentcore')),
  trace_id text not null,
  at timestamptz not null,
  requests integer not null check (requests = 1),
  llm_tokens double precision not null check (llm_tokens >= 0),
  tokens_estimated boolean not null,
  compute_ms double precision not null check (compute_ms >= 0),
  tool_calls double precision not null check (tool_calls >= 0),
  platform_tool_calls double precision not null check (platform_tool_calls >= 0),
  code_execution_seconds double precision not null check (code_execution_seconds >= 0),
  browser_sessions double precision not null check (browser_sessions >= 0),
  errors smallint not null check (errors in (0, 1)),
  error_class text check (error_class in ('auth', 'limit', 'runtime', 'tool', 'unknown')),
  provider jsonb not null,
  cost_usd_estimated double precision not null check (cost_usd_estimated >= 0),
  received_at timestamptz not null default now(),
  primary key (day, event_id)
) partition by range (day);
create index metrics_events_by_agent on whs.metrics_events (agent_id, at);
create index metrics_events_by_owner on whs.metrics_events (user_id, at);
create trigger metrics_events_are_append_only before update on whs.metrics_events for each row execute function whs.refuse_change();

create table whs.agent_log_lines (
  day date not null,
  id text not null,
  deployment_id text not null,
  agent_id text not null,
  trace_id text,
  at timestamptz not null,
  source text not null check (source in ('deploy', 'agent')),
  level text not null check (level in ('debug', 'info', 'warn', 'error')),
  message text not null check (octet_length(message) <= 8192),
  primary key (day, id)
) partition by range (day);
create index agent_log_lines_by_deployment on whs.agent_log_lines (deployment_id, id desc);
create index agent_log_lines_by_trace on whs.agent_log_lines (agent_id, trace_id) where trace_id is not null;

-- Makes the partitions of the days from `first` on. A default partition takes what no day's partition does.
create function whs.ensure_partitions(first date, days integer) returns void language plpgsql as $$
declare
  parent text;
  start date;
begin
  foreach parent in array array['invocations', 'metrics_events', 'agent_log_lines'] loop
    for start in select first + n from generate_series(0, days - 1) as n loop
      if to_regclass(format('whs.%I', parent || '_' || to_char(start, 'YYYYMMDD'))) is null then
        execute format('create table whs.%I partition of whs.%I for values from (%L) to (%L)', parent || '_' || to_char(start, 'YYYYMMDD'), parent, start, start + 1);
      end if;
    end loop;
  end loop;
end $$;
create table whs.invocations_default partition of whs.invocations default;
create table whs.metrics_events_default partition of whs.metrics_events default;
create table whs.agent_log_lines_default partition of whs.agent_log_lines default;

-- Totals that the events of a transaction add to in that same transaction.
create table whs.usage_counters (
  user_id text not null references whs.users (id),
  period text not null check (period ~ '^\d{4}-\d{2}$'),
  runtime_provider text not null,
  requests bigint not null default 0,
  tokens double precision not null default 0,
  compute_ms double precision not null default 0,
  errors bigint not null default 0,
  platform_tool_calls double precision not null default 0,
  code_execution_seconds double precision not null default 0,
  browser_sessions double precision not null default 0,
  cost_usd_estimated double precision not null default 0,
  primary key (user_id, period, runtime_provider)
);

create table whs.usage_hourly (
  agent_id text not null,
  deployment_id text not null,
  runtime_provider text not null,
  hour timestamptz not null,
  requests bigint not null default 0,
  tokens double precision not null default 0,
  compute_ms double precision not null default 0,
  errors bigint not null default 0,
  cost_usd_estimated double precision not null default 0,
  primary key (agent_id, hour, deployment_id, runtime_provider)
);
