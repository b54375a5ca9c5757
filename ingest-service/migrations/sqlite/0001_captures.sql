-- Times are microseconds since 1970 UTC. Digests and UUIDs are raw bytes.

CREATE TABLE captures (
    -- UUID version 7: new for each creation, in order of creation.
    uid            BLOB    NOT NULL PRIMARY KEY CHECK (length(uid) = 16),
    id             TEXT    NOT NULL UNIQUE,
    -- 1 receiving, 2 sealed, 3 sealing.
    state          INTEGER NOT NULL CHECK (state IN (1, 2, 3)),
    chunk_count    INTEGER,
    size_bytes     INTEGER,
    sha256         BLOB,
    chunk_bytes    INTEGER,
    file_name      TEXT    NOT NULL,
    chunks_durable INTEGER NOT NULL,
    bytes_durable  INTEGER NOT NULL,
    highest_index  INTEGER,
    short_index    INTEGER,
    -- What the running check is to prove, while sealing.
    sealing_count  INTEGER,
    sealing_size   INTEGER,
    sealing_sha256 BLOB,
    -- Computed by the service.
    whole_crc32c   INTEGER,
    whole_sha256   BLOB,
    created_us     INTEGER NOT NULL,
    sealed_us      INTEGER,
    expires_us     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What expires, and what is to be checked after a restart, without a scan.
CREATE INDEX captures_unsealed ON captures (state, expires_us) WHERE state <> 2;

CREATE TABLE capture_labels (
    uid   BLOB NOT NULL REFERENCES captures (uid) ON DELETE CASCADE,
    name  TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (uid, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX capture_labels_by_value ON capture_labels (name, value, uid);

-- The id is the object's key. A sweeper takes it as dead before it deletes the
-- object, so that a commit that comes later finds it taken.
CREATE TABLE segments (
    id      BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    -- 1 live, 2 dead and to be deleted, 3 dead and deleted.
    state   INTEGER NOT NULL CHECK (state IN (1, 2, 3)),
    -- Whose chunks it holds; unknown for orphans.
    uid     BLOB,
    bytes   INTEGER,
    at_us   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX segments_of_capture ON segments (uid) WHERE state = 1;
CREATE INDEX segments_dead ON segments (state, at_us) WHERE state <> 1;

-- Write-once slots.
CREATE TABLE chunks (
    uid     BLOB    NOT NULL REFERENCES captures (uid) ON DELETE CASCADE,
    idx     INTEGER NOT NULL,
    bytes   INTEGER NOT NULL CHECK (bytes > 0),
    crc32c  INTEGER NOT NULL,
    blake3  BLOB    NOT NULL CHECK (length(blake3) = 32),
    segment BLOB    NOT NULL,
    offset  INTEGER NOT NULL,
    PRIMARY KEY (uid, idx)
) STRICT, WITHOUT ROWID;
