-- Studies, runs, attempts, points, logs, checkpoints, workers.

create table studies (
    id          bigint generated always as identity primary key,
    name        text not null,
    created_by  text not null,
    created_at  timestamptz not null default now()
);

create table runs (
    id              bigint generated always as identity primary key,
    study_id        bigint not null references studies,
    name            text not null,
    seed            int not null,
    spec            json not null,              -- verbatim: every field filled in, in catalogue order
    group_key       text not null,              -- hash of the spec: runs that differ only in the seed share it
    state           text not null default 'Queued' check (state in ('Queued', 'Running', 'Succeeded', 'Failed', 'Cancelled')),
    priority        int not null default 5,
    execution_group text not null default 'cpu',
    model           text not null,
    convexity       text not null,
    dataset         text not null,
    labels          text not null,
    parameters      bigint not null,
    epochs          int not null,
    steps_per_epoch bigint not null,
    total_steps     bigint not null,
    step            bigint not null default 0,
    attempt         int not null default 0,     -- the attempt that owns the run; writes of any other are refused
    last_seq        bigint not null default 0,  -- sequence number of the newest point: assigned without a hole, per run
    latest          jsonb not null default '{}',-- metric → newest value
    spark           jsonb not null default '[]',-- [[epoch, train %, test %], …], thinned
    reason          text,
    rerun_of        bigint references runs,
    cancel_requested_at timestamptz,
    created_by      text not null,
    created_at      timestamptz not null default now(),
    started_at      timestamptz,
    finished_at     timestamptz
);
create index runs_study on runs (study_id);
create index runs_state on runs (state, id);
create index runs_group on runs (group_key);

create table attempts (
    run_id       bigint not null references runs on delete cascade,
    number       int not null,
    worker       text not null,
    started_at   timestamptz not null default now(),
    ended_at     timestamptz,
    lease_until  timestamptz not null,          -- renewed while the worker lives; past it, another may take the run over
    resumed_step bigint not null default 0,     -- supersedes every point of earlier attempts with a later step
    journal_n    bigint not null default 0,     -- last journal line of this attempt that is stored here
    outcome      text,
    primary key (run_id, number)
);

create table metrics (
    id   smallint generated always as identity primary key,
    name text not null unique
);

create table points (
    run_id    bigint not null references runs on delete cascade,
    metric_id smallint not null references metrics,
    step      bigint not null,
    attempt   int not null,
    epoch     double precision not null,
    value     double precision not null,
    seq       bigint not null,
    at        timestamptz not null default now(),   -- when the trainer reported it
    primary key (run_id, metric_id, step, attempt)
);
create index points_seq on points (run_id, seq);

create table log_lines (
    run_id  bigint not null references runs on delete cascade,
    attempt int not null,
    n       bigint not null,                    -- line of the attempt's journal; stderr lines follow their own count, negative
    id      bigint generated always as identity,
    at      timestamptz not null,
    level   text not null,
    text    text not null,
    primary key (run_id, attempt, n)
);
create index log_lines_id on log_lines (run_id, id);

create table checkpoints (
    id         uuid primary key default gen_random_uuid(),
    run_id     bigint not null references runs on delete cascade,
    attempt    int not null,
    kind       text not null check (kind in ('last', 'best')),
    step       bigint not null,
    bytes      bigint not null,
    sha256     text not null,
    created_at timestamptz not null default now(),
    unique (run_id, attempt, kind)
);

create table workers (
    name       text primary key,
    host       text not null,
    slots      int not null,
    groups     text not null,
    started_at timestamptz not null,
    last_seen  timestamptz not null
);
