"""The driver: a camera image in, a steering angle and a speed out."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np

from deepracer_inference.action_space import DiscreteActionSpace
from deepracer_inference.model_bundle import ModelBundle
from deepracer_inference.preprocess import to_network_input


class PolicyError(ValueError):
    """Images that do not fit the network, or an output that nothing may be driven by."""


@dataclass(frozen=True)
class Action:
    """What the car is to do until the next image.

    Attributes:
        steering_angle: rad, positive to the left.
        speed: m/s.
        index: in the discrete action space; None for a continuous one.
        probability: of this action; None for a continuous action space.
        outputs: of the network: the probability of each action, or steering and speed from -1 to 1.
    """

    steering_angle: float
    speed: float
    index: int | None = None
    probability: float | None = None
    outputs: tuple[float, ...] = field(default=(), compare=False)


class OnnxPolicy:
    """A greedy driver that runs a `ModelBundle` in onnxruntime.

    Args:
        bundle: the model.
    """

    def __init__(self, bundle: ModelBundle) -> None:
        self.bundle = bundle
        self._session = bundle.session
        self._output_name = self._session.get_outputs()[0].name

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Return the probability of each action for each image, (B, A) float32.

        Args:
            images: (B, height, width, channels) uint8, as the bundle says.

        Raises:
            PolicyError: wrong shape or type, a continuous action space, or a result that is not finite.
        """
        if not isinstance(self.bundle.action_space, DiscreteActionSpace):
            raise PolicyError("a continuous action space has no probabilities; use act")
        return self._run(images)

    def act(self, image: np.ndarray, encoding: str = "rgb8") -> Action:
        """Choose the most probable action for one camera image of any size.

        Args:
            image: (H, W) or (H, W, 3) uint8.
            encoding: "rgb8", "bgr8" or "mono8".

        Raises:
            ImageError: the image is empty or does not fit the encoding.
            PolicyError: the network's result is not finite.
        """
        bundle = self.bundle
        output = self._run(to_network_input(image, encoding, bundle.height, bundle.width, bundle.channels))[0]
        space = bundle.action_space
        if not isinstance(space, DiscreteActionSpace):
            steering_angle, speed = space.from_normalised(output)
            return Action(float(steering_angle), float(speed), outputs=tuple(output.tolist()))
        index = int(output.argmax())
        return Action(
            steering_angle=float(space.steering_angles[index]),
            speed=float(space.speeds[index]),
            index=index,
            probability=float(output[index]),
            outputs=tuple(output.tolist()),
        )

    def warm_up(self, times: int = 10) -> float:
        """Run grey pictures, the first of which take longest; return the median time in milliseconds."""
        bundle = self.bundle
        picture = np.full((1, bundle.height, bundle.width, bundle.channels), 128, dtype=np.uint8)
        marks = [time.perf_counter()]
        for _ in range(times):
            self._run(picture)
            marks.append(time.perf_counter())
        return 1000.0 * float(np.median(np.diff(marks)))

    def _run(self, images: np.ndarray) -> np.ndarray:
        """Run (B, height, width, channels) uint8 images, return (B, outputs) float32."""
        bundle = self.bundle
        image_shape = (bundle.height, bundle.width, bundle.channels)
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != image_shape:
            raise PolicyError(
                f"images {images.dtype} {images.shape}: must be uint8 (batch, "
                f"{bundle.height}, {bundle.width}, {bundle.channels})"
            )
        if len(images) == 0:
            return np.zeros((0, bundle.num_outputs), dtype=np.float32)
        step = len(images) if bundle.batch_is_dynamic else 1
        names, key = [self._output_name], bundle.input_name
        outputs = [
            self._session.run(names, {key: images[first : first + step]})[0]
            for first in range(0, len(images), step)
        ]
        result = np.concatenate(outputs).astype(np.float32, copy=False)
        if result.shape != (len(images), bundle.num_outputs):
            raise PolicyError(
                f"the network's output is {result.shape}: must be {(len(images), bundle.num_outputs)}"
            )
        if not np.isfinite(result).all():
            raise PolicyError("the network's output is NaN or infinite; the model is damaged")
        return result
