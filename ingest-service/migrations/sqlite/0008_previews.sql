-- Pictures of what analyses have found.

CREATE TABLE previews (
    analysis   BLOB    NOT NULL PRIMARY KEY REFERENCES analyses (id) ON DELETE CASCADE,
    -- One object: the PNG, and the SVG right behind it. Their lengths and CRC32C.
    segment    BLOB    NOT NULL,
    png_bytes  INTEGER NOT NULL,
    png_crc32c INTEGER NOT NULL,
    svg_bytes  INTEGER NOT NULL,
    svg_crc32c INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
