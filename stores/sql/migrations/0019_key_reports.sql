-- Notes of keys on their way to the key centre: this node's own and those of nodes below it, each once.
-- sent_at is nothing until the node above has it.
CREATE TABLE key_report (
    institution TEXT   NOT NULL,
    key         BIGINT NOT NULL,
    city        TEXT   NOT NULL,
    purpose     BIGINT NOT NULL,
    usage       BIGINT NOT NULL,
    ground      BIGINT NOT NULL,
    day         BIGINT NOT NULL,
    noted_at    BIGINT NOT NULL,
    taken_at    BIGINT NOT NULL,
    sent_at     BIGINT,
    PRIMARY KEY (institution, key, city, purpose, usage, ground, day)
);
