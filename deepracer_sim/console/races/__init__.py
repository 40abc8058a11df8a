"""The pages of races and seasons."""
