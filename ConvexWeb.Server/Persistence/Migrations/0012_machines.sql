-- On which machine a worker runs and which process it is; and which items the server has made on its own.

alter table workers
    add column machine  text,  -- the same for all containers of one machine, whose devices they share; null: not known
    add column instance text;  -- the process that has the name, as JSON; null: none

-- Such an item counts as its creator's, like any other, but not among those that the creator may have waiting.
alter table work_items add column automatic boolean not null default false;
update work_items c set created_by = r.created_by, automatic = true
from work_items r where c.kind = 'certificate' and c.created_by = 'automatic' and r.run_id = c.run_id and r.kind = 'run';
