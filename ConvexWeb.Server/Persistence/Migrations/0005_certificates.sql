-- Certificates of input convexity: of which checkpoint, how far the making is, and what came out.
create table certificates (
    id           uuid primary key default gen_random_uuid(),
    run_id       bigint not null references runs on delete cascade,
    attempt      int not null,
    kind         text not null check (kind in ('last', 'best')),
    step         bigint not null,               -- of the file that it is made of: as it was known at the request, then as it was found
    sha256       text not null,                 -- as step
    pairs        int not null,
    twin_run     bigint references runs,        -- the trained unconstrained twin as control; none: one with its initial weights
    state        text not null default 'queued' check (state in ('queued', 'running', 'done', 'failed')),
    claim        int not null default 0,        -- counts the workers that took it; what an earlier one writes is refused
    deaths       int not null default 0,        -- of these, how many were not heard of again
    worker       text,
    requested_at timestamptz not null default now(),
    requested_by text not null,
    asked_at     timestamptz not null default now(), -- when somebody last asked for it: of a run's certificates the newest is shown
    started_at   timestamptz,
    finished_at  timestamptz,
    result       jsonb,                         -- as the trainer printed it
    error        text
);

-- Whoever asks for the same again gets the same.
create unique index certificates_same on certificates (run_id, attempt, kind, sha256, pairs, coalesce(twin_run, 0)) where state <> 'failed';
create index certificates_run on certificates (run_id, asked_at desc);
create index certificates_open on certificates (id) where state in ('queued', 'running');
create index runs_certified on runs (finished_at) where state = 'Succeeded' and convexity <> 'none';
