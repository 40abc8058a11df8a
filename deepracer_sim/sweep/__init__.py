"""Many trainings that differ in some settings, on this machine's cores or on a Ray cluster."""
