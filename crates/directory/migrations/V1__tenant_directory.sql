-- One tenant per file. `sequence` is the directory-wide change sequence; an object's surrogate id is the sequence
-- number of its creation, so ids are never used twice and "created since N" needs no column of its own.
CREATE TABLE tenant (
    id             INTEGER PRIMARY KEY CHECK (id = 1),
    uuid           BLOB    NOT NULL,
    display_name   TEXT    NOT NULL,
    initial_domain TEXT    NOT NULL,
    created_at     INTEGER NOT NULL,
    sequence       INTEGER NOT NULL,
    trimmed_to     INTEGER NOT NULL
);

CREATE TABLE domain (
    name        TEXT PRIMARY KEY,
    verified_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE object (
    id            INTEGER PRIMARY KEY,
    uuid          BLOB    NOT NULL,
    kind          INTEGER NOT NULL,
    state         INTEGER NOT NULL, -- 0 live, 1 soft-deleted
    version       INTEGER NOT NULL, -- sequence number of the last change
    state_version INTEGER NOT NULL, -- sequence number of creation, soft deletion or restoration, whichever is last
    created_at    INTEGER NOT NULL, -- milliseconds since 1970
    changed_at    INTEGER NOT NULL,
    deleted_at    INTEGER,
    changed_by    INTEGER NOT NULL, -- principal.id, 0 for the administrator
    attributes    BLOB    NOT NULL
);
CREATE UNIQUE INDEX object_uuid ON object (uuid);
CREATE UNIQUE INDEX object_version ON object (version);
CREATE INDEX object_kind ON object (kind, state);
CREATE INDEX object_deleted ON object (deleted_at) WHERE deleted_at IS NOT NULL;

-- First byte of the key: the namespace. The rest: the folded value. Narrow rows, hence one tree and no rowid.
CREATE TABLE unique_key (
    key    BLOB PRIMARY KEY,
    object INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE edge (
    source    INTEGER NOT NULL,
    attribute INTEGER NOT NULL,
    target    INTEGER NOT NULL,
    PRIMARY KEY (source, attribute, target)
) WITHOUT ROWID;
CREATE INDEX edge_target ON edge (target, attribute);

-- The part of the change feed that live objects cannot tell.
CREATE TABLE tombstone (
    version INTEGER PRIMARY KEY,
    uuid    BLOB    NOT NULL,
    kind    INTEGER NOT NULL,
    at      INTEGER NOT NULL
);
CREATE TABLE reference_change (
    version INTEGER PRIMARY KEY,
    object  INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    changes BLOB    NOT NULL
);

CREATE TABLE principal (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    app_id       BLOB    NOT NULL UNIQUE,
    display_name TEXT    NOT NULL,
    may_write    INTEGER NOT NULL,
    enabled      INTEGER NOT NULL,
    created_at   INTEGER NOT NULL
);
CREATE TABLE credential (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid       BLOB    NOT NULL UNIQUE,
    principal  INTEGER NOT NULL,
    salt       BLOB    NOT NULL,
    hash       BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
);
CREATE INDEX credential_principal ON credential (principal);
