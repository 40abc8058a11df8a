"""The errors that callers of this package are meant to catch."""


class DeepRacerError(Exception):
    """Base of every error whose message is written for the user.

    The command line prints the message alone, without a traceback. A message names the value
    that was refused, the limit that it broke and the way out.
    """


class SettingError(DeepRacerError):
    """A setting, name or argument that is unknown or out of its range."""


class TrackError(DeepRacerError):
    """A track that does not exist, cannot be read or is not a valid closed track."""


class RewardError(DeepRacerError):
    """A reward function that cannot be loaded, does not validate or fails while it runs."""


class GazeboError(DeepRacerError):
    """A Gazebo that is not installed, does not start, does not answer or was lost."""


class ShutdownInterrupt(KeyboardInterrupt):
    """An interruption that leaves no time to tidy up: what is on disk must do."""


class RunError(DeepRacerError):
    """A run folder, checkpoint or exported model that is missing, damaged or does not fit."""


class DivergenceError(RunError):
    """A training whose loss or weights are no numbers any more; resumed, it would end the same way."""


class ModelError(DeepRacerError):
    """A model of the store that does not exist, is damaged or in use; a name or file that cannot be one."""


class RaceError(DeepRacerError):
    """A race that does not exist, is damaged or closed, or a name or model that cannot enter it."""
