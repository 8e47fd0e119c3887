-- What requests with an Idempotency-Key have made. The row is written in the transaction that makes it, so that it is there if and only if
-- what it tells of is; a second request with the key waits for the first one's end.
create table idempotency_keys (
    user_id      uuid not null references users on delete cascade,
    key_hash     text not null,                 -- SHA-256 of the key, hex
    request_hash text not null,                 -- of method, address and body: a key is for one request
    made         jsonb,                         -- what the answer tells; null where it was a secret
    at           timestamptz not null default now(),
    primary key (user_id, key_hash)
);
create index idempotency_keys_at on idempotency_keys (at);
