-- Jobs that are read and planned but not carried out; job 0: the whole server.
CREATE TABLE staged (
  job INTEGER PRIMARY KEY,
  since INTEGER NOT NULL,
  actor TEXT NOT NULL,
  why BLOB                               -- refusal, if it was not a person's wish
);
-- Jobs of which nothing can be in doubt after a crash, because nothing was sent since they began to wait.
CREATE TABLE unsent (job INTEGER PRIMARY KEY);
