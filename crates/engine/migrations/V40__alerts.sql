-- What an administrator is told of: one row from the beginning of a condition to its end.
CREATE TABLE alert (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,                 -- server | job | connector | agent
  subject_id INTEGER NOT NULL,
  name TEXT NOT NULL,                    -- of the subject
  opened_at INTEGER NOT NULL,
  seen_at INTEGER NOT NULL,              -- when the condition was last found
  closed_at INTEGER,
  closed_why TEXT,                       -- ended | forgotten
  times INTEGER NOT NULL DEFAULT 1,      -- how often it came back
  acknowledged_at INTEGER,
  acknowledged_by TEXT,
  note TEXT,
  what TEXT NOT NULL                     -- JSON: code, message, text, affected, count
);
CREATE UNIQUE INDEX alert_open ON alert (kind, subject, subject_id) WHERE closed_at IS NULL;
CREATE INDEX alert_closed ON alert (closed_at) WHERE closed_at IS NOT NULL;
