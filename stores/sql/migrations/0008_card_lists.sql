-- The card blacklist: each listing, with the versions of the list that it began and ended with, so
-- that a delta between any two versions can be made. Numbers are 20 digits; 0 is not ended yet.
CREATE TABLE card_listed (
    low   TEXT   NOT NULL,
    high  TEXT   NOT NULL,
    began BIGINT NOT NULL,
    ended BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (low, began)
);

CREATE UNIQUE INDEX card_listed_now ON card_listed (low) WHERE ended = 0;

-- Every version of that list, and what its numbers add up to. Whoever changes the list adds the
-- next version, so that two changes at once are not both made.
CREATE TABLE card_list_version (
    version    BIGINT NOT NULL PRIMARY KEY,
    numbers    TEXT   NOT NULL,
    sum        TEXT   NOT NULL,
    changed_at BIGINT NOT NULL
);

-- What each terminal reported of its lists last.
CREATE TABLE coverage (
    terminal       TEXT   NOT NULL PRIMARY KEY,
    reported_at    BIGINT NOT NULL,
    version        BIGINT NOT NULL,
    cities         BIGINT NOT NULL,
    cities_since   BIGINT NOT NULL,
    card_blacklist BIGINT NOT NULL,
    report         BLOB   NOT NULL
);
