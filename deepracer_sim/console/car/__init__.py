"""The page of the real car."""
