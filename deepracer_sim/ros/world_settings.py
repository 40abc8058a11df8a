"""The settings of the simulator as a ROS node."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from deepracer_sim.settings import (
    ALL_ALIKE,
    CameraSettings,
    CarSettings,
    Randomisation,
    Settings,
    tyre_fault,
)


class WorldSettings(Settings):
    """What `world_node` simulates, and how fast."""

    track: str = Field("reinvent_2018", description="name, file, or random:SEED")
    simulator: Literal["embedded", "gazebo"] = Field("embedded", description="our own, or Gazebo")
    gui: bool = Field(False, description="show Gazebo's window")
    num_cars: int = Field(1, ge=1, le=8, description="one has the car's own topics, several have namespaces")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="of the random draws of cars and pictures")
    paused: bool = Field(False, description="start with time standing still")
    real_time_factor: float = Field(
        1.0, ge=0, le=100, description="simulated seconds a second; 0: as fast as the machine can"
    )
    full_speed: float = Field(4.0, ge=0.1, le=4, description="speed at full throttle, m/s")
    camera: CameraSettings = CameraSettings(width=160, height=120, colour="rgb")
    car: CarSettings = CarSettings()
    randomisation: Randomisation = Randomisation(enabled=False)

    @model_validator(mode="after")
    def _possible(self) -> WorldSettings:
        if self.simulator == "gazebo":
            is_drawn = self.randomisation.enabled
            fault = f"randomisation.enabled=True: {ALL_ALIKE}" if is_drawn else tyre_fault(self.car)
            if fault:
                raise ValueError(fault)
        return self
