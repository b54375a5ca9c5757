-- Analyses that go on without their caller, and where their results are.

CREATE TABLE analyses (
    -- UUID version 7: in order of creation. Also the owner of the objects of its results.
    id              BYTEA   NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    -- Makes a repeated request the same one; empty: none.
    request_id      TEXT    NOT NULL,
    -- Removed with the capture, by the catalog: its objects have to be condemned.
    capture         BYTEA   NOT NULL REFERENCES captures (uid),
    capture_id      TEXT    NOT NULL,
    -- The capture's, one JSON object.
    labels          TEXT    NOT NULL,
    -- An encoded message.
    options         BYTEA   NOT NULL,
    -- Longest time of an attempt; NULL: what the service allows.
    max_duration_us BIGINT,
    -- 1 queued, 2 running, 3 succeeded, 4 failed, 5 cancelled.
    state           BIGINT  NOT NULL CHECK (state BETWEEN 1 AND 5),
    -- The instance that runs it; NULL: none.
    owner           BYTEA,
    -- How often it was started.
    attempts        BIGINT  NOT NULL,
    -- Attempts that came to nothing since the last results.
    failures        BIGINT  NOT NULL,
    -- When a queued one may be started, by the database's clock.
    due_us          BIGINT  NOT NULL,
    -- Records that are stored: their sequences are 1 to this.
    records         BIGINT  NOT NULL,
    parts           BIGINT  NOT NULL,
    -- Encoded messages; NULL: none yet.
    capture_info    BYTEA,
    progress        BYTEA,
    summary         BYTEA,
    -- Why it failed; empty: it did not.
    failure_reason  TEXT    NOT NULL,
    failure_message TEXT    NOT NULL,
    created_us      BIGINT  NOT NULL,
    started_us      BIGINT,
    ended_us        BIGINT,
    -- W3C trace context of who asked for it; empty: none.
    traceparent     TEXT    NOT NULL
);

CREATE UNIQUE INDEX analyses_by_request ON analyses (request_id) WHERE request_id <> '';
CREATE INDEX analyses_by_capture ON analyses (capture, id);
-- What is to be run, and who runs what.
CREATE INDEX analyses_active ON analyses (state, id) WHERE state < 3;

-- Results, in the order in which they were found: one object each.
CREATE TABLE analysis_parts (
    analysis  BYTEA   NOT NULL REFERENCES analyses (id) ON DELETE CASCADE,
    -- The sequences of its records are without gaps, in it and to the next part.
    last      BIGINT  NOT NULL,
    first     BIGINT  NOT NULL,
    segment   BYTEA   NOT NULL,
    -- Length of the object, and of what it unpacks to.
    bytes     BIGINT  NOT NULL,
    raw_bytes BIGINT  NOT NULL,
    PRIMARY KEY (analysis, last)
);
