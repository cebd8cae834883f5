-- Where an invocation's event does not come, the gateway's own word counts it. The event, should it come after all, takes
-- that word's place: once, and nothing else of an event ever changes.

alter table whs.metrics_events add column is_fallback boolean not null default false;

create function whs.guard_metrics_event() returns trigger language plpgsql as $$
begin
  if old.is_fallback and not new.is_fallback
     and (new.day, new.event_id, new.user_id, new.agent_id, new.deployment_id, new.runtime_provider, new.requests)
       = (old.day, old.event_id, old.user_id, old.agent_id, old.deployment_id, old.runtime_provider, old.requests) then
    return new;
  end if;
  raise exception '% does not change', tg_table_name using errcode = 'restrict_violation';
end $$;
drop trigger metrics_events_are_append_only on whs.metrics_events;
create trigger metrics_events_are_append_only before update on whs.metrics_events for each row execute function whs.guard_metrics_event();
