"""Gazebo Classic as a simulator: worlds and cars for it, its start and stop, steps in lock with it."""
