-- Whether all that an attempt's trainer had written is stored. Where it is not, the worker was lost or had to stop: whoever goes on with the
-- item reads the rest, and of one that has ended a worker does.
alter table attempts add column journal_stored boolean not null default false;
update attempts a set journal_stored = true from work_items i
where i.id = a.item_id and (i.kind <> 'run' or i.state in ('Succeeded', 'Failed', 'Cancelled'));
create index attempts_not_stored on attempts (item_id) where not journal_stored;
