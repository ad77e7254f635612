-- The first settlement day that a batch may be sealed into. One that is there already waits for
-- no other day than the next that is closed.
ALTER TABLE batch ADD COLUMN due BIGINT NOT NULL DEFAULT 0;
