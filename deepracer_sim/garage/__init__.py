"""The garage: the models that a racer keeps, each with what defines it and all that has become of it."""
