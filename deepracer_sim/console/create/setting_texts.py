"""What the console calls a training's settings, and explanations of those that matter most.

Ranges, defaults and units are not here: they stand in `deepracer_sim.settings`.
"""

from __future__ import annotations

LABELS = {
    "actions.max_steering_angle": "Maximum steering angle",
    "actions.steering_granularity": "Steering angle granularity",
    "actions.max_speed": "Maximum speed",
    "actions.speed_granularity": "Speed granularity",
    "ppo.batch_size": "Gradient descent batch size",
    "ppo.num_epochs": "Number of epochs",
    "ppo.lr": "Learning rate",
    "ppo.beta_entropy": "Entropy",
    "ppo.discount_factor": "Discount factor",
    "ppo.loss_type": "Loss type",
    "ppo.num_episodes_between_training": "Episodes between policy updates",
    "ppo.rollout_steps": "Steps of each car between policy updates",
    "ppo.gae_lambda": "Advantage trace",
    "ppo.clip": "Policy clip",
    "stop.minutes": "Maximum time",
    "stop.iterations": "Maximum iterations",
    "stop.target": "Stop once every lap is clean",
    "stop.target_evaluations": "Evaluations without a fault",
    "world": "Simulator",
    "num_cars": "Cars",
    "device": "Computed on",
    "camera.width": "Picture width",
    "camera.height": "Picture height",
    "camera.colour": "Picture colours",
    "randomisation.enabled": "Randomise cars and pictures",
    "episode.start": "Start of an episode",
    "episode.direction": "Direction of driving",
    "episode.max_steps": "Longest episode",
    "evaluation.every": "Iterations between evaluations",
    "evaluation.laps": "Laps of an evaluation",
    "evaluation.starts": "Starts of an evaluation",
    "evaluation.randomised": "Evaluate on randomised cars",
}

UNITS = {
    "actions.max_steering_angle": "degrees",
    "actions.max_speed": "m/s",
    "stop.minutes": "minutes",
    "camera.width": "pixels",
    "camera.height": "pixels",
    "episode.max_steps": "steps",
}
"""Behind a field's value."""

CHOICES = {
    "embedded": "Embedded (fast)",
    "gazebo": "Gazebo",
    "FAST": "Fast: small, three layers",
    "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW": "AWS's: three convolutions",
    "state": "Simulator's state",
    "image": "Camera picture",
    "cpu": "Processor",
    "cuda": "NVIDIA GPU",
    "grey": "Grey",
    "rgb": "Colour",
    "random": "Random",
    "round_robin": "On by 5 % each time",
    "line": "Start line",
    "forward": "Forward",
    "reversed": "Reversed",
    "alternate": "Alternating",
    "huber": "Huber",
    "mean squared error": "Mean squared error",
}
"""What people read for a choice."""

ABOUT = {
    "ppo.batch_size": """How many of the collected steps the network looks at before it changes its
weights once. Large batches give calm, well-founded changes and use a processor better; small ones change
more often and more at random, which can shake the car out of a bad habit.""",
    "ppo.num_epochs": """How often the collected steps are gone through before new ones are driven. More
passes squeeze more out of the same driving. Too many fit the car to what it happened to see, and its
driving may suddenly get worse.""",
    "ppo.lr": """How far each change moves the weights. A large step learns fast, and may overshoot what
it was after: the reward then jumps up and down or collapses. A small one is safe and slow. It is the
first thing to lower when a training is unsteady, or when a good model is to be refined.""",
    "ppo.beta_entropy": """How much the car is paid for staying undecided. Some of it keeps the car trying
other actions; too much, and it never drives as well as it could. Lower it when the car wobbles although
it knows the track, raise it when it has settled on poor driving too early.""",
    "ppo.discount_factor": """How much a reward counts that comes one step later. At 0.9 the car cares
about the next second, at 0.99 about the next seven, at 0.999 about the next minute. Farther foresight
gives better lines and takes longer to learn.""",
    "ppo.loss_type": """How the critic, which predicts the rewards to come, is corrected. *Mean squared
error* corrects large errors hard and learns quickly; *Huber* corrects them more gently, which is steadier
with rewards that jump.""",
    "ppo.num_episodes_between_training": """After how many episodes the car learns from what it has
driven, as in AWS's console. Left empty, it learns after a fixed number of steps instead, which is quicker
with many cars.""",
    "ppo.rollout_steps": """How many steps each car drives before all cars' steps are learned from, where
no number of episodes is given. More steps give a truer picture of how good the driving was, and fewer
changes a minute.""",
    "ppo.gae_lambda": """How far the blame or praise for an outcome is carried back to the actions before
it. Near 1 it follows what really happened, with all its chance; lower, it trusts the critic's prediction
more.""",
    "ppo.clip": """How much more or less likely one round of learning may make an action. It is what keeps
a single unlucky round from ruining a good driver.""",
}
"""Markdown for the info pane."""

TRACKS = """The car learns on the tracks that you choose; it sees them only through its camera. With one
track it is fastest to a clean lap. With several, the cars are dealt out over them, and what is learned
carries over better to a track that it has never seen.

*Direction* is that of the track's own waypoints; which way the cars drive is a setting of its own,
further down. More tracks can be imported or generated on the Tracks page."""

ACTIONS = """Fifteen times a second the network chooses one action of a fixed list: a steering angle with
a speed. You describe the list by four numbers.

- The **maximum steering angle** is used to either side. Positive angles steer to the left.
- The **steering granularity** is how many angles there are between the two; it is odd, so that one of
them is straight ahead.
- The **maximum speed** is what the car is asked for at most. Fast cars are harder to keep on the road.
- The **speed granularity** is how many speeds there are, evenly spaced up to the maximum.

Few actions are learned sooner; many allow finer driving. A car that cannot steer sharply enough, or only
drives fast, may have no way round a tight bend."""

REWARD = """The reward function is how you tell the car what you want. It is called after every step, gets
what the simulator knows of the car, and returns a number. **Parameters** lists all that it is told.

**Validate** calls your function with 400 states from every chosen track, in a process of its own with
limits on time and memory, and shows what fails at its line. The picture shows what a car would be paid at
each place if it drove straight along the road there: look for a reward that is high where the car should
be, and clearly lower where it should not.

The **built-in** reward needs no code: it pays for speed along the centre line, less towards the borders,
and takes 5 for leaving the road."""

HYPERPARAMETERS = """These numbers steer how the network learns (by PPO, *proximal policy optimisation*):
the cars drive for a while, the network is changed a little towards what was paid better than expected,
and they drive again. The defaults are well tried: change one at a time, and compare."""

STOP = """A training ends at whichever of these comes first, and you can end it at any time: nothing is
lost, and it can go on later. An iteration is one round of driving and learning.

A *clean* evaluation means that every car finished every lap without leaving the road. Several in a row,
each on other cars and pictures, make sure that it was not luck."""

PROFILE = """A profile is a set of defaults. **Fast** is ours: many cars side by side, small pictures,
randomised cars; it drives clean laps within minutes on two processor cores. **AWS** has the network,
picture, hyperparameters and episode rules of the AWS console, for comparing with what was trained there;
it takes far longer.

Choosing one changes the settings that you have not touched."""

ADVANCED = """Most models need none of this.

- **Simulator**: the embedded one is fast and is all you need; Gazebo must be installed, and is much
slower.
- **Cars**, processor threads: how much is driven at the same time. It costs memory, and processor time.
- **Seed**: the same settings with the same seed train the same model, with another one luck has another
try.
- **Network** and **critic**: what is trained. The car takes the network alone; the critic only judges in
training.
- **Picture**: larger ones show more and cost time in each step.
- **Randomise**: cars and pictures differ from episode to episode, so that a model also drives a real car."""
