"""The pages of tracks."""
