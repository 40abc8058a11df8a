"""Measures the figures of the README: `python -m deepracer_sim.benchmark`."""
