"""Train, evaluate and race camera-driven DeepRacer cars on any machine."""
