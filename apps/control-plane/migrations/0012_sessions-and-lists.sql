-- Sessions are listed, and ended by their owner. A session's id proves itself, so an ended one is remembered until the id
-- has expired by its age; an agent says since when it has such sessions, so that no other one is looked up for them.

alter table whs.sessions add column ended_at timestamptz;
drop index whs.sessions_by_agent;
create index sessions_by_agent on whs.sessions (agent_id, created_at desc, id desc);

alter table whs.agents add column sessions_ended_at timestamptz;

-- Agents by the time of their last deployment; those never deployed are the oldest.
create index agents_by_last_deployment on whs.agents (user_id, coalesce(last_deployed_at, '-infinity'), id) where deleted_at is null;
