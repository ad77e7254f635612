-- How far each terminal's chain of records is followed: the newest record up to which nothing is
-- missing, and the chain's value there.
CREATE TABLE terminal_chain (
    terminal TEXT   NOT NULL PRIMARY KEY,
    tip      BIGINT NOT NULL,
    value    BLOB   NOT NULL
);

-- Every place in a chain that a record came with, and what was found: 0 it follows, 1 it waits for
-- one before it, 2 it does not hold; fault says why. Of two records with one number both are here.
CREATE TABLE chain_link (
    terminal   TEXT   NOT NULL,
    number     BIGINT NOT NULL,
    value      BLOB   NOT NULL,
    record     BLOB   NOT NULL,
    prior      BLOB   NOT NULL,
    arrived_at BIGINT NOT NULL,
    state      BIGINT NOT NULL CHECK (state IN (0, 1, 2)),
    fault      TEXT,
    PRIMARY KEY (terminal, number, value, record)
);

CREATE INDEX chain_link_open ON chain_link (terminal, number) WHERE state <> 0;
