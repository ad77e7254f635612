-- Riders' accounts; their money is in the ledger.
CREATE TABLE account (
    number              TEXT   NOT NULL PRIMARY KEY,
    user_key            BLOB   NOT NULL,
    suspended           BIGINT NOT NULL CHECK (suspended IN (0, 1)),
    opened_at           BIGINT NOT NULL,
    certificate_expires BIGINT
);

CREATE TABLE recharge (
    id      TEXT   NOT NULL PRIMARY KEY,
    account TEXT   NOT NULL,
    amount  BIGINT NOT NULL CHECK (amount > 0),
    paid_at BIGINT NOT NULL
);

-- Rides that this issuer was charged for and debited: each record once.
CREATE TABLE charged_ride (
    record       TEXT   NOT NULL PRIMARY KEY,
    account      TEXT   NOT NULL,
    generated_at BIGINT NOT NULL,
    amount       BIGINT NOT NULL,
    direction    BIGINT NOT NULL,
    hub          TEXT   NOT NULL,
    result       BIGINT NOT NULL,
    day          BIGINT NOT NULL
);

CREATE INDEX charged_ride_code ON charged_ride (account, generated_at);
