"""The console: models, trainings, evaluations, races and tracks in the browser, on the garage's functions."""
