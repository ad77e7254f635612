-- One row: by what the key is known again that this store is sealed with.
CREATE TABLE sealing (
    one       BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    key_check BLOB   NOT NULL
);

-- Sealed ends of a listing say nothing of which is in between: whether it is more than one number.
ALTER TABLE card_listed ADD COLUMN wide BIGINT NOT NULL DEFAULT 0 CHECK (wide IN (0, 1));

CREATE INDEX card_listed_wide ON card_listed (wide) WHERE ended = 0 AND wide = 1;
