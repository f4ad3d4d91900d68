-- Linked attributes whose number of values the scope of a job asks for.
CREATE TABLE counted_link (job INTEGER NOT NULL, name INTEGER NOT NULL, PRIMARY KEY (job, name)) WITHOUT ROWID;
