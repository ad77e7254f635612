-- A terminal whose memory was replaced begins a chain anew: its number among the terminal's chains,
-- and which chain a place belongs to.
ALTER TABLE terminal_chain ADD COLUMN era BIGINT NOT NULL DEFAULT 0;
ALTER TABLE chain_link ADD COLUMN era BIGINT NOT NULL DEFAULT 0;

-- Chains that are followed no further: how far each was, and when and why another began.
CREATE TABLE chain_ended (
    terminal TEXT   NOT NULL,
    era      BIGINT NOT NULL,
    tip      BIGINT NOT NULL,
    value    BLOB   NOT NULL,
    ended_at BIGINT NOT NULL,
    reason   TEXT   NOT NULL,
    PRIMARY KEY (terminal, era)
);
