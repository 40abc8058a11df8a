"""The page of one model: its training, evaluations and iterations."""
