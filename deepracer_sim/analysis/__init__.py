"""What a training or an evaluation did, as pandas tables and as a page to look at.

```python
from deepracer_sim.analysis import read_records, write_report

records = read_records("runs/fast")       # a run folder, or the folder of an evaluation
records.laps.head()                       # the fastest laps
write_report("runs/fast")                 # runs/fast/report.html
```

It is read from the files of the folder alone, also while a training is at work there.

The tables of `Records`:

`steps`, a row a traced step; the first row of an episode says where it begins, its action is -1:
    AWS's columns under AWS's names: `episode`, `steps`, `X`, `Y` (m), `yaw` (degrees), `steer` (degrees,
    positive to the left), `throttle` (m/s, what was wanted), `action` (index), `reward`, `done`,
    `all_wheels_on_track`, `progress` (%), `closest_waypoint`, `track_len` (m), `tstamp` (s, simulated),
    `episode_status`, `pause_duration` (s); and
    `source`: training, or the name of an evaluation's folder
    `iteration`: after which the episode was driven, 0 = untrained; NaN in evaluations
    `track`, `reversed`: name of the track; against its waypoints
    `attempt`: number of the episode in this table, unique over training and evaluations
    `time` (s): since the episode's start
    `speed` (m/s): that was really driven, from the row before to this one; NaN after a start or a reset
    `distance`, `offset` (m): along the centre line from the start line, and from it, positive to the left;
    both in the waypoints' direction, NaN where the track is not known
    `exact_time` (s): of the whole lap, as evaluation.json has it; NaN in training

`episodes`, a row an episode; in an evaluation, a lap that was begun is one:
    `attempt`, `source`, `iteration`, `episode`, `track`, `reversed`; `status`: how it ended, in_progress if
    it was cut off; `x`, `y` (m): where; `steps`; `time` (s); `reward`: their sum; `completion` (% of a lap,
    before the car left the road); `resets`; `mean_speed` (m/s)

`laps`, a row a finished lap, the fastest first:
    `lap_time` (s, with penalties), `source`, `iteration`, `episode`, `attempt`, `track`, `reversed`,
    `resets`, `mean_speed` (m/s), `reward`. A lap in training is timed to a step of 1/15 s.

`exits`, a row for each time that a car left the road:
    `source`, `iteration`, `episode`, `attempt`, `track`, `reversed`, `time` (s), `x`, `y` (m), `distance` (m,
    as above), `side`: left or right in the driving direction, `speed` (m/s) and `steering_angle` (degrees)
    that were wanted

`stretches(track)`, a row about half a metre of a track:
    `start`, `end` (m from the start line), `passes`: attempts that came by, `exits`, `exit_share` (0 to 1),
    `mean_speed` (m/s)

`actions`: `steering_angle` (degrees, positive to the left), `speed` (m/s); the index is the action
`action_use`, the same with `count`, `share` (0 to 1), both also of the last third of the traced iterations
    (`late_count`, `late_share`), and `is_used`; of a training, its evaluations do not count
`action_shares`: a row a traced iteration, a column an action, 0 to 1
`iterations`: metrics.csv, over all cars: completions are 0 to 1, times seconds
`reward_terms`: a row an iteration, a column a term of the reward: its mean a step
`evaluated_laps`: a row a lap that was begun in an evaluation during the training, of all cars: `lap_time` (s;
    until it ended), `completion` (%), `reward`, `status`
`evaluations`: a row a folder of an evaluation; `completion` in %, times in seconds

Traces hold some episodes of some cars, see `deepracer_sim.training_trace`; `iterations` counts all.
"""

from deepracer_sim.errors import SettingError

try:
    import jinja2 as _jinja2  # noqa: F401
    import pandas as _pandas  # noqa: F401
    import plotly as _plotly  # noqa: F401
except ImportError as error:
    raise SettingError(f"the analysis needs {error.name}: pip install 'deepracer_sim[analysis]'") from error

from deepracer_sim.analysis.record_files import read_records
from deepracer_sim.analysis.records import Records
from deepracer_sim.analysis.report import write_report

__all__ = ["Records", "read_records", "write_report"]
