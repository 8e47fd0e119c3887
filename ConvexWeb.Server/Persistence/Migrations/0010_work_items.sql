-- One notion of work: what a worker can do. Runs and certificates are kinds of it. State, place in the queue and owner of an item are here
-- and nowhere else; a kind's own table has what the kind is about.

create table work_items (
    id          bigint generated always as identity primary key,
    kind        text not null check (kind in ('run', 'certificate')),
    run_id      bigint not null references runs on delete cascade,      -- the run that is trained, or looked at
    study_id    bigint not null references studies,                     -- of the run; limits count by it
    created_by  text not null,
    state       text not null default 'Queued' check (state in ('Queued', 'Running', 'Paused', 'Succeeded', 'Failed', 'Cancelled')),
    wish        text check (wish in ('cancel', 'pause', 'yield')),      -- what the owner of a running item is asked for
    priority    smallint not null default 3 check (priority between 1 and 5),
    queue       text not null,                                          -- the label of the workers that may take it
    memory_mb   int not null default 0,                                 -- what it needs on its device; 0: not known
    peak_memory_mb int,                                                 -- the most that an attempt was seen to have there
    attempt     int not null default 0,                                 -- the attempt that owns it; writes of any other are refused
    recovered   boolean not null default false,                         -- it waits again by no wish of a person: it goes before new ones
    tries_from  int not null default 1,                                 -- attempts from here on count as tries of the same thing
    deaths      int not null default 0,                                 -- attempts in a row that ended without a word and without progress
    worker      text,
    device      text,
    lease_until timestamptz,                                            -- renewed while the worker lives; past it, others may take it over
    not_before  timestamptz,                                            -- of one that waits after it failed
    reason_code text,
    reason      text,
    created_at  timestamptz not null default now(),
    queued_at   timestamptz not null default now(),
    started_at  timestamptz,                                            -- of the first attempt
    finished_at timestamptz
);

insert into work_items (kind, run_id, study_id, created_by, state, wish, priority, queue, attempt, recovered, reason, created_at,
    queued_at, started_at, finished_at)
select 'run', id, study_id, created_by, state, case when state = 'Running' and cancel_requested_at is not null then 'cancel' end,
    case when priority <= 2 then 1 when priority <= 4 then 2 when priority = 5 then 3 else 4 end,
    execution_group, attempt, state = 'Queued' and attempt > 0, reason, created_at, created_at, started_at, finished_at
from runs order by id;

alter table certificates add column item_id bigint references work_items on delete cascade;
do $$
declare
    c record;
    item bigint;
begin
    for c in select k.*, r.study_id, r.execution_group from certificates k join runs r on r.id = k.run_id order by k.requested_at, k.id loop
        insert into work_items (kind, run_id, study_id, created_by, state, priority, queue, attempt, worker, reason, created_at, queued_at,
            started_at, finished_at)
        values ('certificate', c.run_id, c.study_id, c.requested_by,
            case c.state when 'queued' then 'Queued' when 'running' then 'Queued' when 'done' then 'Succeeded'
                when 'failed' then case when c.error like 'It was cancelled%' then 'Cancelled' else 'Failed' end end,
            case c.requested_by when 'automatic' then 1 else 3 end, c.execution_group, c.claim, c.worker, c.error, c.requested_at,
            c.requested_at, c.started_at, c.finished_at)
        returning id into item;
        update certificates set item_id = item where id = c.id;
    end loop;
end $$;

-- An attempt is of an item. A lease is the item's.
alter table attempts add column item_id bigint references work_items on delete cascade, add column device text;
update attempts a set item_id = i.id from work_items i where i.kind = 'run' and i.run_id = a.run_id;
update work_items i set worker = a.worker, lease_until = a.lease_until
from attempts a where a.item_id = i.id and a.number = i.attempt and i.kind = 'run';
alter table attempts
    drop constraint attempts_pkey,
    drop column run_id,
    drop column lease_until,
    alter column item_id set not null,
    add primary key (item_id, number);

drop index certificates_same, certificates_run, certificates_open, runs_state, runs_certified, runs_waiting, runs_turns;
alter table certificates
    alter column item_id set not null,
    drop column state, drop column claim, drop column deaths, drop column worker, drop column requested_at, drop column requested_by,
    drop column started_at, drop column finished_at, drop column error, drop column lease_until,
    add unique (item_id);
create index certificates_run on certificates (run_id, asked_at desc);

alter table runs
    drop column state, drop column priority, drop column execution_group, drop column attempt, drop column reason,
    drop column cancel_requested_at, drop column created_by, drop column created_at, drop column started_at, drop column finished_at;

create unique index work_items_run on work_items (run_id) where kind = 'run';
create index work_items_state on work_items (state, run_id) where kind = 'run';
create index work_items_of_run on work_items (run_id) where kind <> 'run';
create index work_items_waiting on work_items (queue, created_by, priority desc, recovered desc, id) where state = 'Queued';
create index work_items_running on work_items (created_by, study_id) where state = 'Running';
create index work_items_turns on work_items (created_by, started_at desc nulls last);
create index work_items_recent on work_items (finished_at) where kind = 'run' and state = 'Succeeded';

-- What the lab has agreed on. A limit that is null is none.
create table lab (
    one            boolean primary key default true check (one),
    maintenance    text,                                                -- why nothing starts; null: work goes on
    user_running   int check (user_running > 0),                        -- items of one user that run at once
    user_waiting   int not null default 2000 check (user_waiting > 0),  -- items of one user that wait
    study_running  int check (study_running > 0)                        -- runs of one study that run at once
);
insert into lab default values;

create table user_shares (
    user_name   text primary key,
    weight      double precision not null default 1 check (weight >= 0.01 and weight <= 100),
    max_running int check (max_running > 0)
);

alter table studies add column max_running int check (max_running > 0);

alter table workers rename column groups to queues;
