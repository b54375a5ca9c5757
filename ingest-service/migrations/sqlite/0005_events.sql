-- What has happened, and what is done about it.

-- Whether a background analysis begins after the seal; NULL: by default.
ALTER TABLE captures ADD COLUMN analyze_on_seal INTEGER;

-- The position of the last event. A transaction takes its positions here as the
-- last thing it does, and keeps the row locked until it is committed: so no event
-- appears behind one that somebody has read already.
CREATE TABLE event_clock (
    only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    last     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO event_clock (only_row, last) VALUES (1, 0);

CREATE TABLE events (
    position    INTEGER NOT NULL PRIMARY KEY,
    id          BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    -- With the version of the payload.
    kind        TEXT NOT NULL,
    -- The capture's uid. Its row may be gone.
    capture     BLOB NOT NULL,
    capture_id  TEXT NOT NULL,
    at_us       INTEGER NOT NULL,
    -- W3C trace context; empty: none.
    traceparent TEXT NOT NULL,
    -- JSON.
    data        TEXT NOT NULL
) STRICT;

CREATE INDEX events_by_time ON events (at_us);

-- How far each handler has been given its events.
CREATE TABLE subscriptions (
    handler  TEXT NOT NULL PRIMARY KEY,
    position INTEGER NOT NULL,
    -- The instance that leads, where only one may do the work.
    owner    BLOB
) STRICT, WITHOUT ROWID;

-- Events that a handler has still to see, or gave up. One that it has seen has no row.
CREATE TABLE deliveries (
    handler  TEXT NOT NULL,
    position INTEGER NOT NULL,
    capture  BLOB NOT NULL,
    -- 1 waits, 2 is being handled, 3 given up.
    state    INTEGER NOT NULL CHECK (state IN (1, 2, 3)),
    attempts INTEGER NOT NULL,
    -- When it may be tried, or was given up.
    due_us   INTEGER NOT NULL,
    -- The instance that handles it.
    owner    BLOB,
    -- What the last attempts failed with: a JSON array.
    history  TEXT NOT NULL,
    PRIMARY KEY (handler, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX deliveries_by_capture ON deliveries (handler, capture, position) WHERE state <> 3;
CREATE INDEX deliveries_dead ON deliveries (handler, position) WHERE state = 3;

-- Services that say that they are alive. What one that is not alive was doing
-- is taken over. Times are of the database's clock.
CREATE TABLE instances (
    id             BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    alive_until_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
