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

INSERT INTO outgoing_state (receiver, name, day, place, confirmed_at)
    SELECT receiver, name, day, place, confirmed_at FROM outgoing_file;

CREATE INDEX outgoing_state_waiting ON outgoing_state (receiver, day, place)
    WHERE confirmed_at IS NULL;

-- The column of the same name stays in outgoing_file, and says nothing of files made from now on.
DROP INDEX outgoing_file_waiting;
