-- A code of an app, asked for after the password.
create table second_factors (
    user_id      uuid primary key references users on delete cascade,
    secret       text not null,                 -- what the app was given, protected by the keys of data_protection_keys
    last_step    bigint not null default 0,     -- the half minute of the last code that was taken: each works once
    made_at      timestamptz not null,
    confirmed_at timestamptz                    -- when its first code was typed; null: it is asked for nowhere yet
);

-- For whom the app is lost. Each works once, and is gone then.
create table recovery_codes (
    user_id   uuid not null references users on delete cascade,
    code_hash text not null,                    -- SHA-256, hex
    primary key (user_id, code_hash)
);
