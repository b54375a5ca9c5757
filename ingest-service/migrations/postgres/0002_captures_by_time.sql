-- Lists are newest first, and may be of a span of time.
CREATE INDEX captures_by_time ON captures (created_us, uid);
