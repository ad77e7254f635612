-- E-cashes (电子现金) of this issuer. One number may be a purse's and an e-cash's, each with money
-- of its own.
CREATE TABLE e_cash (
    number    TEXT   NOT NULL PRIMARY KEY,
    issued_at BIGINT NOT NULL
);
