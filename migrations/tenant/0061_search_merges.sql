-- A search visits every segment of its index. Since cells are indexed 64 at a time, merging them sooner costs little, and leaves fewer.
INSERT INTO board_words (board_words, rank) VALUES ('automerge', 4);
INSERT INTO board_grams (board_grams, rank) VALUES ('automerge', 4);
