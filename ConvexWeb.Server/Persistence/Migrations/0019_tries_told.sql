-- When the audit trail was last told that the tries of this key were used up.
alter table password_tries add column told_at timestamptz;
