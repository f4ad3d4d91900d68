-- The number of the newest record of each link: where its history begins to be followed back.
CREATE TABLE log_last (link INTEGER PRIMARY KEY, sequence INTEGER NOT NULL);
CREATE UNIQUE INDEX segment_first ON segment (first);
-- Segments of before, which have no such thread; with time they are deleted.
CREATE INDEX segment_unthreaded ON segment (id) WHERE format < 3;
