-- What stays as it is in the target although something else is wanted; state: see sync_core::hold::HoldState.
-- id = link. `undo`: the undo that put it there, NULL: the guard.
CREATE TABLE hold_object (
  id INTEGER PRIMARY KEY,
  keep INTEGER NOT NULL,                     -- 1: it stays, 0: it stays away
  image BLOB NOT NULL,                       -- 1: the object as it was; 0: the attributes that are wanted of it
  undo INTEGER,
  at INTEGER NOT NULL
);
CREATE TABLE hold_attribute (
  id INTEGER NOT NULL,
  attribute TEXT NOT NULL,
  wanted BLOB NOT NULL,
  keep BLOB NOT NULL,
  state INTEGER NOT NULL,
  undo INTEGER,
  at INTEGER NOT NULL,
  PRIMARY KEY (id, attribute)
) WITHOUT ROWID;
CREATE TABLE hold_reference (
  id INTEGER NOT NULL,
  attribute INTEGER NOT NULL,
  dst INTEGER NOT NULL,
  keep INTEGER NOT NULL,
  state INTEGER NOT NULL,
  undo INTEGER,
  at INTEGER NOT NULL,
  PRIMARY KEY (id, attribute, dst)
) WITHOUT ROWID;
CREATE INDEX hold_reference_dst ON hold_reference (dst);

-- What was undone, by whom.
CREATE TABLE undo (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor TEXT NOT NULL, what TEXT NOT NULL, objects INTEGER NOT NULL);

-- Objects as they were when they were deleted in the target, with their references in both directions.
CREATE TABLE before_image (id INTEGER PRIMARY KEY, link INTEGER NOT NULL, at INTEGER NOT NULL, data BLOB NOT NULL);
CREATE INDEX before_image_link ON before_image (link, at);
CREATE INDEX before_image_at ON before_image (at);

-- Who has left and is deleted later; id = link.
CREATE TABLE leaver (id INTEGER PRIMARY KEY, since INTEGER NOT NULL, until INTEGER NOT NULL, woken INTEGER NOT NULL DEFAULT 0);
CREATE INDEX leaver_until ON leaver (until) WHERE woken = 0;

-- Objects that lost something: the sliding window of the guard. kind: see engine::guard::Loss; count: members lost.
CREATE TABLE harm (
  id INTEGER PRIMARY KEY,
  job INTEGER NOT NULL,
  target INTEGER NOT NULL,
  link INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  at INTEGER NOT NULL,
  count INTEGER NOT NULL
);
CREATE INDEX harm_job ON harm (job, at);
CREATE INDEX harm_target ON harm (target, at);
CREATE INDEX harm_link ON harm (link, at);
-- The window goes on: what was counted by number becomes as many objects.
INSERT INTO harm (job, target, link, kind, at, count)
  WITH RECURSIVE each(row, job, target, at, n) AS (
    SELECT id, job, target, at, count FROM destroyed WHERE count > 0
    UNION ALL SELECT row, job, target, at, n - 1 FROM each WHERE n > 1)
  SELECT job, target, -(row * 1000000 + n), 1, at, 1 FROM each;
DELETE FROM destroyed;

-- Of a pending export: members it removes and values it clears, as far as the guard counts them.
ALTER TABLE link ADD COLUMN loss INTEGER NOT NULL DEFAULT 0;
-- When an administrator allowed the pending delete or disable.
ALTER TABLE link ADD COLUMN allowed_at INTEGER;
