-- Sums that are computed from the events themselves, to hold the counters against and to outlive the events.

-- What the events of a day (UTC) come to, once no more of them can come. Written whole by the reconciliation, never added to.
create table whs.usage_daily (
  user_id text not null references whs.users (id),
  day date not null,
  runtime_provider text not null,
  requests bigint not null,
  tokens double precision not null,
  compute_ms double precision not null,
  errors bigint not null,
  platform_tool_calls double precision not null,
  code_execution_seconds double precision not null,
  browser_sessions double precision not null,
  cost_usd_estimated double precision not null,
  primary key (user_id, day, runtime_provider)
);
create index usage_daily_by_day on whs.usage_daily (day);

-- One row: how far the reconciliation is, so that any process goes on where another one stopped.
create table whs.usage_reconciliation (
  only_row boolean primary key default true check (only_row),
  -- Days before this one are in usage_daily for good; only their events may be deleted.
  sealed_before date not null,
  -- The user after whom the sealing of that day goes on.
  sealing_after text not null default '',
  -- Months from this one on are summed anew in each pass; those before are complete.
  open_since date not null check (extract(day from open_since) = 1),
  -- The pass under way: what it has found so far and after which user it goes on.
  pass jsonb,
  pass_after text not null default '',
  -- What the last complete pass found.
  last_pass jsonb
);

-- Events that were deleted before there was a reconciliation: the counters' word stands for them.
insert into whs.usage_daily
  select user_id, day, runtime_provider, sum(requests), sum(llm_tokens), sum(compute_ms), sum(errors), sum(platform_tool_calls), sum(code_execution_seconds), sum(browser_sessions), sum(cost_usd_estimated)
  from whs.metrics_events where day < (now() at time zone 'utc')::date - 1 group by user_id, day, runtime_provider;
insert into whs.usage_daily as d
  select c.user_id, to_date(c.period, 'YYYY-MM'), c.runtime_provider, c.requests - coalesce(e.requests, 0), greatest(0, c.tokens - coalesce(e.tokens, 0)), greatest(0, c.compute_ms - coalesce(e.compute_ms, 0)),
    greatest(0, c.errors - coalesce(e.errors, 0)), greatest(0, c.platform_tool_calls - coalesce(e.platform_tool_calls, 0)), greatest(0, c.code_execution_seconds - coalesce(e.code_execution_seconds, 0)),
    greatest(0, c.browser_sessions - coalesce(e.browser_sessions, 0)), greatest(0, c.cost_usd_estimated - coalesce(e.cost_usd_estimated, 0))
  from whs.usage_counters c left join (
    select user_id, to_char(day, 'YYYY-MM') as period, runtime_provider, sum(requests) as requests, sum(llm_tokens) as tokens, sum(compute_ms) as compute_ms, sum(errors) as errors, sum(platform_tool_calls) as platform_tool_calls,
      sum(code_execution_seconds) as code_execution_seconds, sum(browser_sessions) as browser_sessions, sum(cost_usd_estimated) as cost_usd_estimated
    from whs.metrics_events group by 1, 2, 3
  ) e using (user_id, period, runtime_provider)
  where c.requests > coalesce(e.requests, 0) and to_date(c.period, 'YYYY-MM') < (now() at time zone 'utc')::date - 1
on conflict (user_id, day, runtime_provider) do update set
  requests = d.requests + excluded.requests, tokens = d.tokens + excluded.tokens, compute_ms = d.compute_ms + excluded.compute_ms, errors = d.errors + excluded.errors,
  platform_tool_calls = d.platform_tool_calls + excluded.platform_tool_calls, code_execution_seconds = d.code_execution_seconds + excluded.code_execution_seconds,
  browser_sessions = d.browser_sessions + excluded.browser_sessions, cost_usd_estimated = d.cost_usd_estimated + excluded.cost_usd_estimated;
insert into whs.usage_reconciliation (sealed_before, open_since)
  select today - 1, least(date_trunc('month', today - 1)::date, to_date((select min(period) from whs.usage_counters), 'YYYY-MM'))
  from (select (now() at time zone 'utc')::date as today) as clock;

-- Answers of delegations are erased a day after they were given, long before their rows go.
create index delegated_invocations_by_answer_expiry on whs.delegated_invocations (answer_expires_at) where response is not null;
-- The operator names an account by its e-mail address.
create index users_by_email on whs.users (lower(email));
