-- What a trainer says at its end, once for the attempt that got there.
create table run_summaries (
    run_id  bigint not null references runs on delete cascade,
    attempt int not null,
    step    bigint not null,                    -- where it ended; an attempt that resumed earlier supersedes it, as it does points
    summary json not null,                      -- verbatim
    primary key (run_id, attempt)
);
