-- A tenant that is idle merges the segments of its search indexes: two of a level are enough then.
INSERT INTO board_words (board_words, rank) VALUES ('usermerge', 2);
INSERT INTO board_grams (board_grams, rank) VALUES ('usermerge', 2);
INSERT INTO scar_words (scar_words, rank) VALUES ('usermerge', 2);
INSERT INTO scar_trigrams (scar_trigrams, rank) VALUES ('usermerge', 2);
INSERT INTO cache_text (cache_text, rank) VALUES ('usermerge', 2);
