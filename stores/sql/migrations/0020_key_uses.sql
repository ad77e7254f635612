-- The chain of what the node's keys were used for: lines, what is said in full beside each, and the
-- anchors of days. key_open has the lines that opened a key which is not closed yet.
CREATE TABLE key_use (
    number BIGINT NOT NULL PRIMARY KEY,
    day    BIGINT NOT NULL,
    line   BLOB   NOT NULL,
    detail BLOB   NOT NULL
);

CREATE INDEX key_use_by_day ON key_use (day, number);

CREATE TABLE key_open (
    number BIGINT NOT NULL PRIMARY KEY
);

CREATE TABLE key_use_anchor (
    number BIGINT NOT NULL PRIMARY KEY,
    day    BIGINT NOT NULL,
    anchor BLOB   NOT NULL
);

CREATE TABLE key_use_anchor_key (
    number     BIGINT NOT NULL PRIMARY KEY,
    public_key BLOB   NOT NULL
);
