-- Points in chunks: a row of arrays in place of a row and two index entries for each point, and what is stored of each attempt's journal.

create table journals (
    run_id       bigint not null references runs on delete cascade,
    attempt      int not null,
    resumed_step bigint not null,               -- supersedes every point of earlier attempts with a later step
    stored_line  bigint not null default 0,     -- last line of the journal that is stored here
    last_step    bigint,                        -- the newest step that has points, and of which metrics: a second report is left out
    last_metrics smallint[],
    first_seq    bigint,                        -- number of its first point: a reader beyond it knows that the attempt resumed
    overlap_seq  bigint,                        -- of its last point not behind resumed_step: earlier attempts may have that step too
    primary key (run_id, attempt)
) with (fillfactor = 70);

-- Holds the points (last_seq - cardinality("values"), last_seq], of one attempt. Written once and never changed.
create table point_chunks (
    run_id   bigint not null references runs on delete cascade,
    last_seq bigint not null,
    attempt  int not null,
    steps    bigint[] not null,                 -- these three: one element for each report of the trainer
    epochs   double precision[] not null,
    ats      timestamptz[] not null,            -- when the trainer reported it
    events   smallint[] not null,               -- these three: one element for each point; its report, from 1
    metrics  smallint[] not null,
    "values" double precision[] not null,
    primary key (run_id, last_seq)
);
-- Measured values are noise to a compressor; steps, times and indexes shrink to a third. (The PostgreSQL that is brought has no lz4.)
alter table point_chunks alter column "values" set storage external;

-- The newest points of a run, until they are enough for a chunk. A row stays small, so that its next versions find room in its page: the
-- space of the old ones is used again there, and a training with many small batches leaves nothing for a vacuum.
create table point_tails (
    run_id   bigint primary key references runs on delete cascade,
    last_seq bigint not null,
    attempt  int not null,
    steps    bigint[] not null,
    epochs   double precision[] not null,
    ats      timestamptz[] not null,
    events   smallint[] not null,
    metrics  smallint[] not null,
    "values" double precision[] not null
) with (fillfactor = 10);
alter table point_tails
    alter column steps set storage plain, alter column epochs set storage plain, alter column ats set storage plain,
    alter column events set storage plain, alter column metrics set storage plain, alter column "values" set storage plain;

-- What is there: rows of one attempt with contiguous numbers become a chunk, a thousand at most.
with islands as (
    select p.*, seq - row_number() over (partition by run_id, attempt order by seq) as island from points p),
parts as (
    select i.*, (row_number() over (partition by run_id, attempt, island order by seq) - 1) / 1000 as part from islands i),
reports as (
    select p.*, case when step = lag(step) over report and epoch = lag(epoch) over report and at = lag(at) over report then 0 else 1 end
        as begins
    from parts p window report as (partition by run_id, attempt, island, part order by seq)),
numbered as (
    select r.*, sum(begins) over (partition by run_id, attempt, island, part order by seq) as event from reports r)
insert into point_chunks (run_id, last_seq, attempt, steps, epochs, ats, events, metrics, "values")
select run_id, max(seq), attempt,
    array_agg(step order by seq) filter (where begins = 1), array_agg(epoch order by seq) filter (where begins = 1),
    array_agg(at order by seq) filter (where begins = 1),
    array_agg(event::smallint order by seq), array_agg(metric_id order by seq), array_agg(value order by seq)
from numbered group by run_id, attempt, island, part;

insert into journals (run_id, attempt, resumed_step, stored_line, last_step, last_metrics, first_seq, overlap_seq)
select a.run_id, a.number, a.resumed_step, a.journal_n, p.last_step,
    (select array_agg(n.metric_id order by n.seq) from points n where n.run_id = a.run_id and n.attempt = a.number and n.step = p.last_step),
    p.first_seq, p.overlap_seq
from attempts a left join lateral (
    select max(step) as last_step, min(seq) as first_seq, max(seq) filter (where step <= a.resumed_step) as overlap_seq
    from points where run_id = a.run_id and attempt = a.number) p on true
where a.journal_n > 0 or p.first_seq is not null;

drop table points;
alter table attempts drop column resumed_step, drop column journal_n;

-- For people with psql. The server reads the chunks.
create view points as
select c.run_id, p.metric_id, e.step, c.attempt, e.epoch, p.value, c.last_seq - cardinality(c."values") + p.place as seq, e.at
from (
    select run_id, last_seq, attempt, steps, epochs, ats, events, metrics, "values" from point_chunks
    union all
    select run_id, last_seq, attempt, steps, epochs, ats, events, metrics, "values" from point_tails) c
cross join lateral unnest(c.events, c.metrics, c."values") with ordinality as p (event, metric_id, value, place)
join lateral unnest(c.steps, c.epochs, c.ats) with ordinality as e (step, epoch, at, event) on e.event = p.event;
