-- Which of the tenant's authorities issued a certificate (SHA-256, hex); empty: the first one, before there could be others.
ALTER TABLE certificate ADD COLUMN authority TEXT NOT NULL DEFAULT '';
