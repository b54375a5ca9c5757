-- The same tables as of SQLite. Times are microseconds since 1970 UTC. Digests
-- and UUIDs are raw bytes. All numbers are BIGINT: one width to read and write.

CREATE TABLE captures (
    -- UUID version 7: new for each creation, in order of creation.
    uid            BYTEA  NOT NULL PRIMARY KEY CHECK (length(uid) = 16),
    id             TEXT   NOT NULL UNIQUE,
    -- 1 receiving, 2 sealed, 3 sealing.
    state          BIGINT NOT NULL CHECK (state IN (1, 2, 3)),
    chunk_count    BIGINT,
    size_bytes     BIGINT,
    sha256         BYTEA,
    chunk_bytes    BIGINT,
    file_name      TEXT   NOT NULL,
    chunks_durable BIGINT NOT NULL,
    bytes_durable  BIGINT NOT NULL,
    highest_index  BIGINT,
    short_index    BIGINT,
    -- What the running check is to prove, while sealing.
    sealing_count  BIGINT,
    sealing_size   BIGINT,
    sealing_sha256 BYTEA,
    -- Computed by the service.
    whole_crc32c   BIGINT,
    whole_sha256   BYTEA,
    created_us     BIGINT NOT NULL,
    sealed_us      BIGINT,
    expires_us     BIGINT NOT NULL
)
-- A capture's row is written with each commit to it: new versions stay in
-- their page, and no index changes.
WITH (fillfactor = 70);

-- What expires, and what is to be checked after a restart, without a scan.
CREATE INDEX captures_unsealed ON captures (state, expires_us) WHERE state <> 2;

CREATE TABLE capture_labels (
    uid   BYTEA NOT NULL REFERENCES captures (uid) ON DELETE CASCADE,
    name  TEXT  NOT NULL,
    value TEXT  NOT NULL,
    PRIMARY KEY (uid, name)
);

CREATE INDEX capture_labels_by_value ON capture_labels (name, value, uid);

-- The id is the object's key. A sweeper takes it as dead before it deletes the
-- object, so that a commit that comes later finds it taken.
CREATE TABLE segments (
    id      BYTEA  NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    -- 1 live, 2 dead and to be deleted, 3 dead and deleted.
    state   BIGINT NOT NULL CHECK (state IN (1, 2, 3)),
    -- Whose chunks it holds; unknown for orphans.
    uid     BYTEA,
    bytes   BIGINT,
    at_us   BIGINT NOT NULL
);

CREATE INDEX segments_of_capture ON segments (uid) WHERE state = 1;
CREATE INDEX segments_dead ON segments (state, at_us) WHERE state <> 1;

-- Write-once slots.
CREATE TABLE chunks (
    uid      BYTEA  NOT NULL REFERENCES captures (uid) ON DELETE CASCADE,
    idx      BIGINT NOT NULL,
    bytes    BIGINT NOT NULL CHECK (bytes > 0),
    crc32c   BIGINT NOT NULL,
    blake3   BYTEA  NOT NULL CHECK (length(blake3) = 32),
    segment  BYTEA  NOT NULL,
    "offset" BIGINT NOT NULL,
    PRIMARY KEY (uid, idx)
);
