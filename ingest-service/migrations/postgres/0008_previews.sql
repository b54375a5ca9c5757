-- Pictures of what analyses have found.

CREATE TABLE previews (
    analysis   BYTEA   NOT NULL PRIMARY KEY REFERENCES analyses (id) ON DELETE CASCADE,
    -- One object: the PNG, and the SVG right behind it. Their lengths and CRC32C.
    segment    BYTEA   NOT NULL,
    png_bytes  BIGINT  NOT NULL,
    png_crc32c BIGINT  NOT NULL,
    svg_bytes  BIGINT  NOT NULL,
    svg_crc32c BIGINT  NOT NULL
);
