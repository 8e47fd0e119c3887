-- The queue keeps its tables, which it makes itself, in a schema of their own.
create schema if not exists quartz;
