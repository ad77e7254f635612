-- What arrived: an upload or a file is one batch, and only a batch is stamped with a day.
CREATE TABLE batch (
    id          TEXT   NOT NULL PRIMARY KEY,
    sender      TEXT   NOT NULL,
    received_at BIGINT NOT NULL,
    records     BIGINT NOT NULL,
    day         BIGINT
);

CREATE INDEX batch_day ON batch (day);

-- Ride records, never changed after. An uploaded one has its body here, one of a file there.
CREATE TABLE ride (
    record       TEXT   NOT NULL PRIMARY KEY,
    batch        TEXT   NOT NULL,
    number       BIGINT NOT NULL,
    acquirer     TEXT   NOT NULL,
    issuer       TEXT   NOT NULL,
    account      TEXT   NOT NULL,
    generated_at BIGINT NOT NULL,
    scanned_at   BIGINT NOT NULL,
    amount       BIGINT NOT NULL,
    direction    BIGINT NOT NULL,
    category     TEXT   NOT NULL,
    line         TEXT   NOT NULL,
    body         BLOB,
    UNIQUE (batch, number)
);

CREATE INDEX ride_code ON ride (account, generated_at);

-- Lines of files whose record id is taken: answered, never settled.
CREATE TABLE repeated_line (
    batch  TEXT   NOT NULL,
    number BIGINT NOT NULL,
    record TEXT   NOT NULL,
    PRIMARY KEY (batch, number)
);

-- What the checks said: 0 refused, 1 to be settled by the hub named, 2 kept as evidence.
CREATE TABLE judgement (
    record   TEXT   NOT NULL PRIMARY KEY,
    day      BIGINT NOT NULL,
    verdict  BIGINT NOT NULL CHECK (verdict IN (0, 1, 2)),
    hub      TEXT   NOT NULL,
    result   BIGINT NOT NULL,
    acquirer TEXT   NOT NULL,
    serial   BIGINT NOT NULL
);

CREATE INDEX judgement_day ON judgement (day);

CREATE INDEX judgement_serial ON judgement (acquirer, serial);

-- A code pays one ride: whoever has the row has the code.
CREATE TABLE claimed_code (
    account      TEXT   NOT NULL,
    generated_at BIGINT NOT NULL,
    record       TEXT   NOT NULL UNIQUE,
    PRIMARY KEY (account, generated_at)
);

-- How a ride ended: settled here, or as the upper hub told. Each record once.
CREATE TABLE settlement (
    record  TEXT   NOT NULL PRIMARY KEY,
    day     BIGINT NOT NULL,
    settled BIGINT NOT NULL CHECK (settled IN (0, 1)),
    result  BIGINT NOT NULL,
    serial  BIGINT NOT NULL
);

CREATE INDEX settlement_day_index ON settlement (day);

-- The settlement days; phases as in tongtu_clearing. Sums beyond 64 bits are decimal text.
CREATE TABLE settlement_day (
    day         BIGINT NOT NULL PRIMARY KEY,
    records     BIGINT NOT NULL,
    frozen      BLOB   NOT NULL,
    judged      BIGINT NOT NULL CHECK (judged IN (0, 1)),
    rules       BIGINT,
    result      BLOB,
    hub_fee     TEXT,
    rounding    TEXT,
    control_sum TEXT
);

CREATE TABLE net_position (
    day    BIGINT NOT NULL,
    member TEXT   NOT NULL,
    income TEXT   NOT NULL,
    outgo  TEXT   NOT NULL,
    net    BIGINT NOT NULL,
    PRIMARY KEY (day, member)
);
