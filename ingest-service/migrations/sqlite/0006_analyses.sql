-- Analyses that go on without their caller, and where their results are.

CREATE TABLE analyses (
    -- UUID version 7: in order of creation. Also the owner of the objects of its results.
    id              BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    -- Makes a repeated request the same one; empty: none.
    request_id      TEXT    NOT NULL,
    -- Removed with the capture, by the catalog: its objects have to be condemned.
    capture         BLOB    NOT NULL REFERENCES captures (uid),
    capture_id      TEXT    NOT NULL,
    -- The capture's, one JSON object.
    labels          TEXT    NOT NULL,
    -- An encoded message.
    options         BLOB    NOT NULL,
    -- Longest time of an attempt; NULL: what the service allows.
    max_duration_us INTEGER,
    -- 1 queued, 2 running, 3 succeeded, 4 failed, 5 cancelled.
    state           INTEGER NOT NULL CHECK (state BETWEEN 1 AND 5),
    -- The instance that runs it; NULL: none.
    owner           BLOB,
    -- How often it was started.
    attempts        INTEGER NOT NULL,
    -- Attempts that came to nothing since the last results.
    failures        INTEGER NOT NULL,
    -- When a queued one may be started, by the database's clock.
    due_us          INTEGER NOT NULL,
    -- Records that are stored: their sequences are 1 to this.
    records         INTEGER NOT NULL,
    parts           INTEGER NOT NULL,
    -- Encoded messages; NULL: none yet.
    capture_info    BLOB,
    progress        BLOB,
    summary         BLOB,
    -- Why it failed; empty: it did not.
    failure_reason  TEXT    NOT NULL,
    failure_message TEXT    NOT NULL,
    created_us      INTEGER NOT NULL,
    started_us      INTEGER,
    ended_us        INTEGER,
    -- W3C trace context of who asked for it; empty: none.
    traceparent     TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX analyses_by_request ON analyses (request_id) WHERE request_id <> '';
CREATE INDEX analyses_by_capture ON analyses (capture, id);
-- What is to be run, and who runs what.
CREATE INDEX analyses_active ON analyses (state, id) WHERE state < 3;

-- Results, in the order in which they were found: one object each.
CREATE TABLE analysis_parts (
    analysis  BLOB    NOT NULL REFERENCES analyses (id) ON DELETE CASCADE,
    -- The sequences of its records are without gaps, in it and to the next part.
    last      INTEGER NOT NULL,
    first     INTEGER NOT NULL,
    segment   BLOB    NOT NULL,
    -- Length of the object, and of what it unpacks to.
    bytes     INTEGER NOT NULL,
    raw_bytes INTEGER NOT NULL,
    PRIMARY KEY (analysis, last)
) STRICT, WITHOUT ROWID;
