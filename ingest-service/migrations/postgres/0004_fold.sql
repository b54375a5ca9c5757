-- Captures fold: the rows of a sealed capture's chunks and segments become one
-- manifest, and captures of the same bytes share it and its objects.

-- The capture that wrote the objects: its own uid, or the one it shares with.
ALTER TABLE captures ADD COLUMN content BYTEA;
-- 0 rows, 1 folded with rows that are still to be removed, 2 folded,
-- 3 rows for ever: some of its objects have keys that do not name their owner.
ALTER TABLE captures ADD COLUMN folded BIGINT NOT NULL DEFAULT 0;
-- A small manifest, or the object that holds it.
ALTER TABLE captures ADD COLUMN manifest BYTEA;
ALTER TABLE captures ADD COLUMN manifest_object BYTEA;
ALTER TABLE captures ADD COLUMN manifest_bytes BIGINT;
ALTER TABLE captures ADD COLUMN manifest_blake3 BYTEA;
-- Objects that its contents have, the manifest's included.
ALTER TABLE captures ADD COLUMN objects BIGINT;
-- Lengths of the folded chunks: of all but the last (NULL: they differ), and of the last.
ALTER TABLE captures ADD COLUMN uniform_bytes BIGINT;
ALTER TABLE captures ADD COLUMN last_bytes BIGINT;

UPDATE captures SET content = uid;

CREATE INDEX captures_by_content ON captures (content);
CREATE INDEX captures_unfolded ON captures (folded, uid) WHERE state = 2 AND folded < 2;
CREATE INDEX captures_by_sha256 ON captures (whole_sha256) WHERE state = 2 AND whole_sha256 IS NOT NULL;

-- Contents whose last capture was removed: their objects go at once.
CREATE TABLE gone_contents (
    content BYTEA    NOT NULL PRIMARY KEY CHECK (length(content) = 16),
    at_us   BIGINT NOT NULL
);

CREATE INDEX gone_contents_by_time ON gone_contents (at_us);
