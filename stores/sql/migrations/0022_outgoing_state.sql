-- What changes of a file that was made, apart from the file: SQLite writes a whole row again where a
-- word of it changes, and this one is as long as the file.
CREATE TABLE outgoing_state (
    receiver     TEXT   NOT NULL,
    name         TEXT   NOT NULL,
    day          BIGINT NOT NULL,
    place        BIGINT NOT NULL,
    confirmed_at BIGINT,
    PRIMARY KEY (receiver, name)
);

-- By the old index, because what stands behind a file is found by reading all of it. A file that was
-- taken is never asked about again.
INSERT INTO outgoing_state (receiver, name, day, place)
    SELECT receiver, name, day, place FROM outgoing_file WHERE confirmed_at IS NULL
    ORDER BY receiver, day, place;

CREATE INDEX outgoing_state_waiting ON outgoing_state (receiver, day, place)
    WHERE confirmed_at IS NULL;

-- The column confirmed_at stays in outgoing_file, for files that were made before.
DROP INDEX outgoing_file_waiting;
