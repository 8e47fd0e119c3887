-- Who did what, when and from where. Each entry carries a hash over itself and the hash of the entry before it (Audit/AuditChain.cs), so
-- that none can be changed, put between or taken out without a trace. Only what is older than the lab keeps it goes, from the front.
create table audit_entries (
    seq      bigint primary key check (seq > 0),  -- without gaps
    at       timestamptz not null,
    actor    text not null,                       -- a name, as it was then; accounts may be deleted
    door     text not null,                       -- the browser or token by which the actor came
    network  text not null,                       -- the address
    action   text not null,
    subject  text not null,                       -- whom or what it was done to
    detail   text not null,
    hash     bytea not null check (length(hash) = 32)
);
create index audit_entries_at on audit_entries (at);
create index audit_entries_actor on audit_entries (actor, seq);
create index audit_entries_action on audit_entries (action, seq);

-- Where the trail begins now: the hash of the last entry that was taken out, which the first one that is left was made from.
create table audit_start (
    only_one boolean primary key default true check (only_one),
    seq      bigint not null,
    hash     bytea not null
);
insert into audit_start (seq, hash) values (0, decode(repeat('00', 32), 'hex'));

-- Against mistakes. Whoever owns the database can get around it; that is what the chain is for.
create function audit_is_kept() returns trigger language plpgsql as $$
begin
    if current_setting('convex.audit_retention', true) is distinct from 'on' then
        raise exception 'Entries of the audit trail are neither changed nor deleted.';
    end if;
    return old;
end $$;
create trigger audit_entries_kept before update or delete on audit_entries for each row execute function audit_is_kept();
create trigger audit_entries_all_kept before truncate on audit_entries for each statement execute function audit_is_kept();
