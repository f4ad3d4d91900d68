-- Every run is a cycle with an id of its own, which the records of the provisioning log carry.
ALTER TABLE run ADD COLUMN guid TEXT NOT NULL DEFAULT '';
UPDATE run SET guid = (SELECT substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-4' || substr(h, 14, 3) || '-a' || substr(h, 18, 3) || '-' || substr(h, 21)
  FROM (SELECT lower(hex(randomblob(16))) AS h WHERE run.id = run.id));
CREATE INDEX run_guid ON run (guid);
CREATE INDEX run_open ON run (job) WHERE state = 'running';
-- How the records of a segment are written: 1 without the cycle, 2 with it.
ALTER TABLE segment ADD COLUMN format INTEGER NOT NULL DEFAULT 1;
-- Whether the cycle under way, or the next one, looks at everything: a new job, new rules, a restart.
ALTER TABLE job ADD COLUMN is_initial INTEGER NOT NULL DEFAULT 1;
UPDATE job SET is_initial = (SELECT complete_reads = 0 FROM connector WHERE connector.id = job.source);
