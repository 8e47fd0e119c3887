-- Who is signed in is read from users with every request, so that whatever changes an account holds at once; nothing of it is copied into
-- the session any more. Everybody signs in again after this step.

drop table sessions;
create table sessions (
    id           uuid primary key,
    user_id      uuid not null references users on delete cascade,
    secret_hash  text not null unique,          -- SHA-256 of the cookie, hex
    device       text not null,                 -- browser and system, in words
    network      text not null,                 -- the address of its last use
    created_at   timestamptz not null,          -- the absolute limit counts from here
    last_used_at timestamptz not null,
    expires_at   timestamptz not null,          -- the sliding limit
    proved_at    timestamptz not null           -- when the password was last typed in it
);
create index sessions_user on sessions (user_id);

-- A browser in which somebody has signed in once. Guesses of strangers do not slow it down.
create table known_browsers (
    secret_hash  text not null,
    user_id      uuid not null references users on delete cascade,
    last_used_at timestamptz not null,
    primary key (secret_hash, user_id)
);
create index known_browsers_user on known_browsers (user_id);

-- Attempts to sign in that count against a key (a name, a network, both): a bucket that empties with time. See AttemptLimits.
create table password_tries (
    key  text primary key,
    used double precision not null,
    at   timestamptz not null
);

-- A disabled account opens nothing, whatever its owner still holds. Of a deleted one only the name is left, which its runs bear.
alter table users add column disabled_at timestamptz, add column deleted_at timestamptz;
alter table users drop column lockout_end, drop column lockout_enabled, drop column access_failed_count;

-- What a token may do; those that are there keep what they could. None is without an end.
alter table api_tokens add column scope text not null default 'Manage' check (scope in ('Read', 'Submit', 'Manage'));
alter table api_tokens alter column scope drop default;
update api_tokens set expires_at = now() + interval '366 days' where expires_at is null;
alter table api_tokens alter column expires_at set not null;

-- What a health check writes, to know that something can be written.
alter table this_database add column checked_at timestamptz;
