-- The type in the account's user certificates (用户账户类型); 1 is the ordinary one.
ALTER TABLE account ADD COLUMN account_type BIGINT NOT NULL DEFAULT 1;
