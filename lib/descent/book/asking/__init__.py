"""The reader's own question: a chapter under other parameters, judged beside the book, ``descent ask``."""
