"""One folder a chapter: what that chapter alone runs."""
