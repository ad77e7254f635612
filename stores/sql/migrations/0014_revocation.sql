-- The newest revocation list (吊销名单) of each root, as the root's key signed it.
CREATE TABLE revocation_list (
    ca_index BIGINT NOT NULL PRIMARY KEY,
    version  BIGINT NOT NULL,
    taken_at BIGINT NOT NULL,
    body     BLOB   NOT NULL
);

-- Which PSAM the acquirer admitted to which terminal, from when until when; 0 is not ended yet.
CREATE TABLE psam_admission (
    psam     TEXT   NOT NULL,
    terminal TEXT   NOT NULL,
    began    BIGINT NOT NULL,
    ended    BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (psam, began)
);

CREATE UNIQUE INDEX psam_admission_now ON psam_admission (psam) WHERE ended = 0;
