"""The pipeline: run chapters, judge what they measured, stage and render the book."""
