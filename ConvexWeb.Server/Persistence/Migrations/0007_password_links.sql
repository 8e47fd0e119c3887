-- A one-time link with which somebody who has forgotten the password sets a new one; for a new account it names nobody.

alter table invites add column for_user uuid references users on delete cascade;
