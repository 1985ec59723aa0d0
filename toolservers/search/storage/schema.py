"""The tables of an index file, and the version that says which they are."""

VERSION = 1
"""SQLite's user_version. Another one is another layout: such a file is refused, not converted, since an index can
always be made again from its documents; only those that came by a tool would be lost, which the refusal says."""

APPLICATION = 0x546F6F6C
"""SQLite's application_id: `Tool`. Any other file is somebody else's, and is left alone."""

PART = 16_384
"""Characters in one row of `texts`: a range of a large document is read without all of it."""

TABLES = """
CREATE TABLE documents (
    key INTEGER PRIMARY KEY AUTOINCREMENT,   -- never given twice: what refers to one that is gone finds nothing
    id TEXT NOT NULL UNIQUE,
    source TEXT NOT NULL,
    path TEXT,                      -- of its file, relative to the source; NULL where it has none
    size INTEGER, mtime_ns INTEGER, digest TEXT,
    title TEXT NOT NULL, url TEXT NOT NULL, format TEXT NOT NULL, encoding TEXT NOT NULL,
    updated TEXT NOT NULL, indexed_at TEXT NOT NULL,
    characters INTEGER NOT NULL, sha256 TEXT NOT NULL,
    metadata TEXT NOT NULL,         -- JSON object of strings
    left_out TEXT NOT NULL,         -- JSON array of sentences
    pages TEXT NOT NULL,            -- JSON array of [number, start]
    share REAL NOT NULL,
    signature BLOB NOT NULL,
    duplicate_of INTEGER REFERENCES documents (key) ON DELETE SET NULL
);
CREATE UNIQUE INDEX documents_by_file ON documents (source, path);
CREATE INDEX documents_by_text ON documents (sha256);
CREATE INDEX documents_by_duplicate ON documents (duplicate_of);

-- Hashes under which near duplicates meet.
CREATE TABLE bands (
    value INTEGER NOT NULL,
    document INTEGER NOT NULL REFERENCES documents (key) ON DELETE CASCADE,
    PRIMARY KEY (value, document)
) WITHOUT ROWID;
CREATE INDEX bands_by_document ON bands (document);

CREATE TABLE texts (
    document INTEGER NOT NULL REFERENCES documents (key) ON DELETE CASCADE,
    part INTEGER NOT NULL, text TEXT NOT NULL,
    PRIMARY KEY (document, part)
) WITHOUT ROWID;

CREATE TABLE passages (
    key INTEGER PRIMARY KEY AUTOINCREMENT,   -- likewise
    document INTEGER NOT NULL REFERENCES documents (key) ON DELETE CASCADE,
    number INTEGER NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL,
    page INTEGER, heading TEXT NOT NULL
);
CREATE UNIQUE INDEX passages_by_document ON passages (document, number);

-- Its rowid is the passage's key. It keeps no text of its own.
CREATE VIRTUAL TABLE words USING fts5 (
    title, heading, body,
    content = '', contentless_delete = 1, tokenize = 'porter unicode61 remove_diacritics 2'
);
CREATE VIRTUAL TABLE vocabulary USING fts5vocab (words, row);

CREATE TABLE problems (
    source TEXT NOT NULL, path TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    why TEXT NOT NULL, message TEXT NOT NULL,
    PRIMARY KEY (source, path)
) WITHOUT ROWID;

CREATE TABLE watched (name TEXT PRIMARY KEY, folder TEXT NOT NULL UNIQUE) WITHOUT ROWID;

CREATE TABLE models (
    key INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, dimensions INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('building', 'serving', 'old'))
);
CREATE UNIQUE INDEX one_model_in_a_state ON models (state) WHERE state <> 'old';
-- `code` has a bit for each dimension, the sign of it: few bytes, looked through for every question.
CREATE TABLE codes (
    model INTEGER NOT NULL REFERENCES models (key) ON DELETE CASCADE,
    passage INTEGER NOT NULL REFERENCES passages (key) ON DELETE CASCADE,
    code BLOB NOT NULL,
    PRIMARY KEY (model, passage)
) WITHOUT ROWID;
CREATE INDEX codes_by_passage ON codes (passage);
-- Little-endian float16, of length 1.
CREATE TABLE vectors (
    model INTEGER NOT NULL REFERENCES models (key) ON DELETE CASCADE,
    passage INTEGER NOT NULL REFERENCES passages (key) ON DELETE CASCADE,
    vector BLOB NOT NULL,
    PRIMARY KEY (model, passage)
) WITHOUT ROWID;
CREATE INDEX vectors_by_passage ON vectors (passage);

CREATE TABLE facts (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
INSERT INTO facts VALUES ('generation', 0);   -- grows with every transaction that changes what is found
"""
