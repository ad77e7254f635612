-- Cards of this issuer; the money on them is in the ledger, a mirror of the cards' own.
CREATE TABLE card (
    number    TEXT   NOT NULL PRIMARY KEY,
    issued_at BIGINT NOT NULL
);

-- Grey records (灰记录): a card was torn away and its answer lost. Each waits for the card's next
-- record, which tells by its number whether money moved. Fates: 0 no money moved, 1 claimed as a
-- ride, 2 moved and not claimed, 3 recorded by another terminal as well.
CREATE TABLE grey_ride (
    record     TEXT   NOT NULL PRIMARY KEY,
    account    TEXT   NOT NULL,
    sequence   BIGINT NOT NULL,
    arrived_at BIGINT NOT NULL,
    body       BLOB   NOT NULL,
    day        BIGINT,
    fate       BIGINT CHECK (fate IN (0, 1, 2, 3))
);

CREATE INDEX grey_ride_waiting ON grey_ride (account) WHERE day IS NULL;
