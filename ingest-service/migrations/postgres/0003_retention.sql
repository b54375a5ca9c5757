-- Until when a sealed capture is kept; NULL: for ever.
ALTER TABLE captures ADD COLUMN retained_until_us BIGINT;

CREATE INDEX captures_retained ON captures (retained_until_us) WHERE retained_until_us IS NOT NULL;

-- Each commit writes expires_us: an index with it had to be written as well.
DROP INDEX captures_unsealed;
CREATE INDEX captures_unsealed ON captures (state) WHERE state <> 2;
