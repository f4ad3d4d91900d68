-- Jobs that are being removed, and what becomes of their objects: keep | release | disable | delete.
CREATE TABLE removal (
  job INTEGER PRIMARY KEY,
  mode TEXT NOT NULL,
  actor TEXT NOT NULL,
  at INTEGER NOT NULL,
  objects INTEGER NOT NULL,              -- linked when it began
  failed INTEGER NOT NULL DEFAULT 0,     -- of the last round
  failure BLOB                           -- refusal: one of them
);
-- Jobs that were removed: the log still speaks of them, and no job gets their number again.
CREATE TABLE removed_job (
  id INTEGER PRIMARY KEY,
  guid TEXT NOT NULL,
  name TEXT NOT NULL,
  source INTEGER NOT NULL,
  target INTEGER NOT NULL,
  mode TEXT NOT NULL,
  actor TEXT NOT NULL,
  at INTEGER NOT NULL,
  objects INTEGER NOT NULL
);
