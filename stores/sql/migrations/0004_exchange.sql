-- Files in and out. A file is there once under its name.
CREATE TABLE received_file (
    sender      TEXT   NOT NULL,
    name        TEXT   NOT NULL,
    kind        TEXT   NOT NULL,
    day         BIGINT NOT NULL,
    digest      BLOB   NOT NULL,
    content     BLOB   NOT NULL,
    result      BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    PRIMARY KEY (sender, name)
);

CREATE INDEX received_file_day ON received_file (sender, day, kind);

CREATE TABLE outgoing_file (
    receiver     TEXT   NOT NULL,
    name         TEXT   NOT NULL,
    day          BIGINT NOT NULL,
    place        BIGINT NOT NULL,
    digest       BLOB   NOT NULL,
    content      BLOB   NOT NULL,
    confirmed_at BIGINT,
    PRIMARY KEY (receiver, name)
);

CREATE INDEX outgoing_file_waiting ON outgoing_file (receiver, day, place)
    WHERE confirmed_at IS NULL;

CREATE TABLE alarm (
    code      TEXT   NOT NULL,
    subject   TEXT   NOT NULL,
    message   TEXT   NOT NULL,
    raised_at BIGINT NOT NULL,
    PRIMARY KEY (code, subject)
);
