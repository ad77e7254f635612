-- What was done with keys, and what was refused: once a day for each key, city, purpose, usage and
-- ground; ground 0 is a use. Key 0 is one that no book knows.
CREATE TABLE key_note (
    key      BIGINT NOT NULL,
    city     TEXT   NOT NULL,
    purpose  BIGINT NOT NULL,
    usage    BIGINT NOT NULL,
    ground   BIGINT NOT NULL,
    day      BIGINT NOT NULL,
    noted_at BIGINT NOT NULL,
    PRIMARY KEY (key, city, purpose, usage, ground, day)
);
