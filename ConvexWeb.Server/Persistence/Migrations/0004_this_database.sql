-- Which database this is. The folders of runs are named by it, because runs count from 1 in every database, and a new one may meet the
-- folders of an old one.
create table this_database (
    one boolean primary key default true check (one),
    id  uuid not null default gen_random_uuid()
);
insert into this_database default values;
