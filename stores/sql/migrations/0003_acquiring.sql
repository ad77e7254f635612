-- Terminals, what they sent that did not hold, and the lists they are handed.
CREATE TABLE terminal (
    number        TEXT   NOT NULL PRIMARY KEY,
    serial        BLOB   NOT NULL,
    public_key    BLOB   NOT NULL,
    registered_at BIGINT NOT NULL
);

CREATE TABLE rejected_upload (
    digest     BLOB   NOT NULL PRIMARY KEY,
    terminal   TEXT   NOT NULL,
    arrived_at BIGINT NOT NULL,
    reason     TEXT   NOT NULL,
    body       BLOB   NOT NULL
);

CREATE TABLE blacklisted (
    account   TEXT   NOT NULL PRIMARY KEY,
    listed_at BIGINT NOT NULL
);

-- One row: the version of the lists, and the digest of what the configuration adds to them.
CREATE TABLE list_version (
    one        BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    version    BIGINT NOT NULL,
    digest     BLOB   NOT NULL,
    changed_at BIGINT NOT NULL
);
