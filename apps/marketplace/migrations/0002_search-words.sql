-- What a mistyped word is compared with: the words of names, tags and categories that are or were published. A word is never
-- removed: one that no listing has any more finds none.
create table fleetprompt.search_words (
  word text primary key check (char_length(word) between 4 and 24)
);
create index search_words_by_likeness on fleetprompt.search_words using gin (word gin_trgm_ops);

create function fleetprompt.keep_search_words() returns trigger language plpgsql as $$
begin
  -- In one order, so that two who publish the same new words wait for each other one way only.
  insert into fleetprompt.search_words
  select distinct word from regexp_split_to_table(new.fuzzy, ' ') as word where char_length(word) between 4 and 24 order by word
  on conflict do nothing;
  return null;
end $$;
create trigger keep_search_words after insert or update of name, tags, categories, status on fleetprompt.listings
  for each row when (new.status = 'published') execute function fleetprompt.keep_search_words();

insert into fleetprompt.search_words
select distinct word from fleetprompt.listings, regexp_split_to_table(fuzzy, ' ') as word
where status = 'published' and char_length(word) between 4 and 24;

drop index fleetprompt.listings_by_similar_word;
