-- Where a run is deleted, PostgreSQL looks for what refers to it. Without these it reads whole tables for each run: 75,000 runs were not
-- deleted in five minutes.
create index runs_reruns on runs (rerun_of) where rerun_of is not null;
create index certificates_twins on certificates (twin_run) where twin_run is not null;
drop index work_items_of_run;
create index work_items_of_run on work_items (run_id);
