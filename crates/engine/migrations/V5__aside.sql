-- Values that are wanted and not written, because another object of the target holds them; id = link.
CREATE TABLE aside (
  id INTEGER NOT NULL,
  attribute TEXT NOT NULL,
  value TEXT NOT NULL,
  owner TEXT NOT NULL,
  since INTEGER NOT NULL,
  tried_at INTEGER NOT NULL,
  PRIMARY KEY (id, attribute, value)
) WITHOUT ROWID;
