-- What was done with callers: one line of an audit chain each, with the request that asked for it.
-- A caller that stood in the settings has a line and no request.
CREATE TABLE caller_act (
    number     BIGINT NOT NULL PRIMARY KEY,
    line       BLOB   NOT NULL,
    target     TEXT,
    content    BLOB,
    envelope   BLOB,
    public_key BLOB
);

-- What one officer asked for and a second has not confirmed yet.
CREATE TABLE caller_asked (
    about       BLOB   NOT NULL PRIMARY KEY,
    act         TEXT   NOT NULL,
    institution TEXT   NOT NULL,
    number      TEXT   NOT NULL,
    asked_at    BIGINT NOT NULL
);
