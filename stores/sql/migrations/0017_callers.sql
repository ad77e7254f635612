-- Whoever may call, with its keys; and the signed envelopes of files, kept beside them.
CREATE TABLE caller (
    institution TEXT   NOT NULL,
    number      TEXT   NOT NULL,
    role        TEXT   NOT NULL,
    accounts    TEXT   NOT NULL,
    valid_from  BIGINT NOT NULL,
    valid_until BIGINT,
    disabled_at BIGINT,
    PRIMARY KEY (institution, number)
);

CREATE TABLE caller_key (
    institution TEXT   NOT NULL,
    number      TEXT   NOT NULL,
    key_number  BIGINT NOT NULL,
    public_key  BLOB   NOT NULL,
    valid_from  BIGINT NOT NULL,
    valid_until BIGINT,
    PRIMARY KEY (institution, number, key_number)
);

CREATE TABLE file_envelope (
    sender     TEXT   NOT NULL,
    receiver   TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    digest     BLOB   NOT NULL,
    envelope   BLOB   NOT NULL,
    public_key BLOB   NOT NULL,
    kept_at    BIGINT NOT NULL,
    PRIMARY KEY (sender, receiver, name, digest, public_key)
);
