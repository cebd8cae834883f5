-- Fills a migrated, empty marketplace with listings for tests and benchmarks, the same ones each time:
-- psql -v listings=100000 -f listings.sql, or with :listings replaced. Nothing of it is for an installation that people use.
set session_replication_role = replica;

insert into fleetprompt.users (id, external_id, roles)
select 'usr_' || lpad(n::text, 26, '0'), 'generated-' || n, '{user,publisher}' from generate_series(1, 1000) as n;

insert into fleetprompt.publisher_profiles (id, user_id, display_name)
select 'pub_' || lpad(n::text, 26, '0'), 'usr_' || lpad(n::text, 26, '0'), 'Publisher ' || n from generate_series(1, 1000) as n;

-- Indexes of words are built faster at once than row by row.
create temporary table word_indexes on commit preserve rows as
select indexname, indexdef from pg_indexes where schemaname = 'fleetprompt' and indexdef like '% USING gin %';
do $$
declare name text;
begin
  for name in select indexname from word_indexes loop execute format('drop index fleetprompt.%I', name); end loop;
end $$;

with vocabulary as (
  select
    string_to_array('invoice support research calendar translation code review weather travel recipe contract email meeting budget customer inventory legal medical music news photo podcast pricing report resume sales security shopping sports stock student survey task tax ticket training video voice writing analytics archive backup billing booking chat coach compliance data deploy design', ' ') as topics,
    string_to_array('assistant agent helper writer planner analyst monitor summarizer classifier router scheduler extractor composer tracker advisor builder checker crawler curator digest drafter editor finder generator guide indexer inspector librarian matcher mentor', ' ') as roles,
    string_to_array('fast careful friendly quiet precise patient clever simple modular private local global multilingual streaming nightly weekly daily hourly instant bounded', ' ') as manners,
    string_to_array('productivity finance education health engineering marketing operations entertainment research commerce', ' ') as categories
)
insert into fleetprompt.listings (id, publisher_id, publisher_user_id, asset_kind, status, name, summary, description_markdown, tags, categories, downloads_30d, install_attempts_30d, created_at, updated_at)
select
  'lst_' || lpad(n::text, 26, '0'),
  'pub_' || lpad((1 + n % 1000)::text, 26, '0'),
  'usr_' || lpad((1 + n % 1000)::text, 26, '0'),
  (array['whs_agent', 'whs_agent', 'agentromatic_workflow', 'spec_asset'])[1 + n % 4],
  case when n % 20 = 0 then 'draft' else 'published' end,
  initcap(manner || ' ' || topic || ' ' || role) || ' ' || n,
  'A ' || manner || ' ' || role || ' for ' || topic || ' and ' || other || '.',
  '# ' || initcap(topic) || E'\n\nGives ' || other || ' to a ' || role || E' that is ' || manner || E'.\n\n- number ' || n,
  array[topic, other, manner],
  array[category],
  hashtext('d' || n) & 1023,
  hashtext('a' || n) & 2047,
  timestamptz '2026-01-01' + make_interval(mins => n),
  timestamptz '2026-01-01' + make_interval(mins => n + (hashtext('u' || n) & 65535))
from generate_series(1, :listings) as n
cross join lateral (
  select
    topics[1 + (hashtext('t' || n) & 65535) % array_length(topics, 1)] as topic,
    topics[1 + (hashtext('o' || n) & 65535) % array_length(topics, 1)] as other,
    roles[1 + (hashtext('r' || n) & 65535) % array_length(roles, 1)] as role,
    manners[1 + (hashtext('m' || n) & 65535) % array_length(manners, 1)] as manner,
    categories[1 + (hashtext('c' || n) & 65535) % array_length(categories, 1)] as category
  from vocabulary) as chosen;

insert into fleetprompt.search_words
select distinct word from fleetprompt.listings, regexp_split_to_table(fuzzy, ' ') as word
where status = 'published' and char_length(word) between 4 and 24;

do $$
declare definition text;
begin
  for definition in select indexdef from word_indexes loop execute definition; end loop;
end $$;
drop table word_indexes;

insert into fleetprompt.releases (id, listing_id, publisher_user_id, version, version_order, is_prerelease, refs)
select 'rel_' || lpad(n::text, 26, '0'), 'lst_' || lpad(n::text, 26, '0'), 'usr_' || lpad((1 + n % 1000)::text, 26, '0'), '1.0.0', '0011.0010.0010~', false, '{"whsAgentId":"agt_generated"}'
from generate_series(1, :listings) as n;

set session_replication_role = default;
vacuum (analyze) fleetprompt.listings;
analyze;
