"""Races between models: rules, entries, leaderboards and seasons."""
