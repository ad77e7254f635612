-- Sealed numbers have no order: a row of an index that begins with one changes a page of its own, and
-- written pages are what a ride costs among many.

-- By number an acquirer looks for the uploaded rides of a card or a face, which tell what became of a
-- grey record, and for nothing else.
DROP INDEX ride_code;

CREATE INDEX ride_card ON ride (account) WHERE body IS NOT NULL AND generated_at < 0;

-- By time first: codes of one day lie beside each other.
CREATE TABLE claimed_by_time (
    account      TEXT   NOT NULL,
    generated_at BIGINT NOT NULL,
    record       TEXT   NOT NULL UNIQUE,
    PRIMARY KEY (generated_at, account)
);

INSERT INTO claimed_by_time (account, generated_at, record)
    SELECT account, generated_at, record FROM claimed_code ORDER BY generated_at, account;

DROP TABLE claimed_code;

ALTER TABLE claimed_by_time RENAME TO claimed_code;

-- Nobody asks how the rides of a day ended.
DROP INDEX settlement_day_index;
