-- What workers report of their hosts, and which of them take no work.

alter table workers
    add column product_version text,
    add column libtorch        text,
    add column dotnet          text,
    add column driver          text,
    add column cores           int,
    add column load            real,
    add column lends           jsonb not null default '[]', -- name and MB of the devices that items may have; no MB: not known
    add column devices         jsonb not null default '[]', -- the newest figures of each device
    add column draining        boolean not null default false,  -- takes nothing new, by an administrator's wish
    add column refused         text;                        -- why it takes nothing, for people

create table worker_samples (
    worker          text not null,
    at              timestamptz not null,
    device          text not null,
    utilisation     real,       -- percent
    memory_used_mb  int,
    memory_total_mb int,
    temperature     real,       -- degrees Celsius
    power           real,       -- watts
    primary key (worker, device, at)
);
create index worker_samples_at on worker_samples (at);

-- Of the node with pages that started last. Workers of another version take nothing.
alter table this_database add column product_version text;
