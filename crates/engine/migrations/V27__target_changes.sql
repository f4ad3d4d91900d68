-- Objects of the target that a reconciliation found other than they were left; id = link.
CREATE TABLE target_change (
  id INTEGER PRIMARY KEY,
  version INTEGER NOT NULL,                              -- of the target object; 0: it is not there
  attributes TEXT NOT NULL,                              -- JSON: names
  since INTEGER NOT NULL
);
