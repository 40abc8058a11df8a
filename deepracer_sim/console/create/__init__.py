"""The pages that make and clone models."""
