-- Who may write for a name (a job of some synchronisation): whoever took it last, by a number that only grows.
CREATE TABLE fence (
  name TEXT PRIMARY KEY,
  holder BLOB,                           -- NULL: given up
  holder_name TEXT NOT NULL,
  generation INTEGER NOT NULL,
  taken_at INTEGER NOT NULL
) WITHOUT ROWID;
