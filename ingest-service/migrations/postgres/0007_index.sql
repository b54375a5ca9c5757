-- What analyses have found, to be found again. All of it can be made again from
-- the catalog and the store. Times are microseconds since 1970 UTC.

CREATE TABLE index_captures (
    -- By chance; what the words of a capture are kept by.
    id         BIGINT NOT NULL PRIMARY KEY,
    capture    BYTEA    NOT NULL UNIQUE CHECK (length(capture) = 16),
    capture_id TEXT    NOT NULL,
    file_name  TEXT    NOT NULL,
    -- The analysis whose records are found, and the run that wrote them; NULL: none.
    analysis   BYTEA,
    run        BIGINT UNIQUE
);

-- Runs of the indexing: what one has written is found once it is whole.
CREATE TABLE index_runs (
    run     BIGINT NOT NULL PRIMARY KEY,
    capture BYTEA    NOT NULL
);

CREATE INDEX index_runs_by_capture ON index_runs (capture);

CREATE TABLE index_records (
    run         BIGINT NOT NULL,
    sequence    BIGINT NOT NULL,
    time_us     BIGINT NOT NULL,
    -- Number of its RecordKind.
    kind        BIGINT NOT NULL,
    -- Of a finding; else 0.
    severity    BIGINT NOT NULL,
    -- IPv6, or IPv4 mapped (RFC 4291, section 2.5.5.2).
    client      BYTEA,
    server      BYTEA,
    client_port BIGINT NOT NULL,
    server_port BIGINT NOT NULL,
    -- In lower case, last label first: com.example.www
    host        BYTEA,
    -- ",dns," or ",tls,http2,".
    services    TEXT    NOT NULL,
    community   TEXT,
    -- An encoded message.
    body        BYTEA    NOT NULL
);

CREATE INDEX index_records_by_run ON index_records (run, time_us, sequence);
-- The rest is looked at without the record.
CREATE INDEX index_records_by_time
    ON index_records (time_us, run, sequence, kind, severity, client_port, server_port);
CREATE INDEX index_records_by_client ON index_records (client, time_us, run, sequence);
CREATE INDEX index_records_by_server ON index_records (server, time_us, run, sequence);
CREATE INDEX index_records_by_host ON index_records (host, time_us, run, sequence) WHERE host IS NOT NULL;
CREATE INDEX index_records_by_community ON index_records (community, time_us, run, sequence) WHERE community IS NOT NULL;

-- Words of a capture, by index_captures.id.
CREATE TABLE index_text (
    id  BIGINT   NOT NULL PRIMARY KEY,
    doc TSVECTOR NOT NULL
);

CREATE INDEX index_text_by_word ON index_text USING gin (doc);

-- Whether all that was there before this index was indexed.
CREATE TABLE index_state (
    only_row BIGINT NOT NULL PRIMARY KEY CHECK (only_row = 1),
    is_whole BIGINT NOT NULL
);

INSERT INTO index_state (only_row, is_whole) VALUES (1, 0);
