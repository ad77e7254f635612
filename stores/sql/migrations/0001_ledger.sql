-- The double-entry book; its rules are in tongtu_ledger::row. Rows are only ever inserted.
CREATE TABLE entry (
    id       TEXT   NOT NULL PRIMARY KEY,
    day      BIGINT NOT NULL,
    memo     TEXT   NOT NULL,
    corrects TEXT   REFERENCES entry (id)
);

CREATE UNIQUE INDEX entry_reversal ON entry (corrects) WHERE memo = 'reversal';

CREATE TABLE posting (
    entry   TEXT   NOT NULL REFERENCES entry (id),
    number  BIGINT NOT NULL CHECK (number >= 1),
    account TEXT   NOT NULL,
    amount  BIGINT NOT NULL CHECK (amount <> 0 AND amount >= -9223372036854775807),
    PRIMARY KEY (entry, number)
);

CREATE INDEX posting_account ON posting (account);
