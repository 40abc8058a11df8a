"""The page of all models."""
