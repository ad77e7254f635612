-- Riders enrolled for rides by face. The row stays when consent ends, as the proof of the consent
-- and of its end; templates do not. Endings: 1 withdrawn, 2 time was over.
CREATE TABLE face_enrolment (
    handle       TEXT   NOT NULL PRIMARY KEY,
    account      TEXT   NOT NULL,
    request      TEXT   NOT NULL UNIQUE,
    request_mac  BLOB   NOT NULL,
    terms        BIGINT NOT NULL,
    channel      BIGINT NOT NULL CHECK (channel IN (1, 2)),
    evidence     BLOB   NOT NULL,
    consented_at BIGINT NOT NULL,
    consent_ends BIGINT NOT NULL,
    enrolled_at  BIGINT NOT NULL,
    used_at      BIGINT NOT NULL,
    until        BIGINT NOT NULL,
    ended_at     BIGINT,
    ending       BIGINT CHECK (ending IN (1, 2))
);

-- A person is enrolled once at a time.
CREATE UNIQUE INDEX face_enrolment_now ON face_enrolment (account) WHERE ended_at IS NULL;

CREATE INDEX face_enrolment_until ON face_enrolment (until) WHERE ended_at IS NULL;

-- Who may hold the face: an operator's terminals, of one line or, where it is empty, of all.
CREATE TABLE face_scope (
    handle   TEXT   NOT NULL,
    operator BIGINT NOT NULL,
    line     TEXT   NOT NULL,
    PRIMARY KEY (handle, operator, line)
);

-- Templates, sealed; only live faces are enrolled.
CREATE TABLE face_template (
    handle  TEXT   NOT NULL,
    number  BIGINT NOT NULL,
    engine  TEXT   NOT NULL,
    live    BIGINT NOT NULL CHECK (live = 1),
    quality BIGINT NOT NULL CHECK (quality BETWEEN 0 AND 100),
    sealed  BLOB   NOT NULL,
    PRIMARY KEY (handle, number)
);

CREATE INDEX face_template_engine ON face_template (engine, handle);

-- Terminals that recognise faces: where they stand, what they were given last, what they
-- confirmed.
CREATE TABLE face_terminal (
    terminal     TEXT   NOT NULL PRIMARY KEY,
    operator     BIGINT NOT NULL,
    line         TEXT   NOT NULL,
    engine       TEXT   NOT NULL,
    valid_until  BIGINT NOT NULL DEFAULT 0,
    held         BIGINT NOT NULL DEFAULT 0,
    riders       BIGINT NOT NULL DEFAULT 0,
    confirmed_at BIGINT
);

-- Whose face each terminal was given, with the versions that this began and ended with; 0 is not
-- ended yet. A handle that comes back begins anew.
CREATE TABLE face_given (
    terminal TEXT   NOT NULL,
    handle   TEXT   NOT NULL,
    until    BIGINT NOT NULL,
    began    BIGINT NOT NULL,
    ended    BIGINT NOT NULL DEFAULT 0,
    ended_at BIGINT,
    PRIMARY KEY (terminal, handle)
);

CREATE INDEX face_given_handle ON face_given (handle);

CREATE INDEX face_given_began ON face_given (terminal, began);

-- One row: the version of all galleries. Whoever changes one takes the next.
CREATE TABLE face_version (
    one     BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    version BIGINT NOT NULL
);

INSERT INTO face_version (one, version) VALUES (1, 0);
