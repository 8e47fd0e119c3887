-- The queue is the rows that wait; Hangfire's jobs are tickets for free slots. Whatever the queue before this one had was also in these rows.

drop schema if exists quartz cascade;

-- Its tables are made by its own installer, under the lock of the migrations.
create schema if not exists hangfire;

-- Certificates are owned as runs are. One that is being made now was the old queue's: it begins anew.
alter table certificates add column lease_until timestamptz;
update certificates set state = 'queued', started_at = null, worker = null where state = 'running';

-- The best waiting run of each user, and when a user was last served.
create index runs_waiting on runs (execution_group, created_by, priority desc, (attempt > 0) desc, id) where state = 'Queued';
create index runs_turns on runs (created_by, started_at desc nulls last);
