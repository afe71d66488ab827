"""What we remember, and the words for it: one file per noun, its table and every query on it."""
