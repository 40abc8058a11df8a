// A car's camera: renders exactly what is there when it is asked.
#pragma once

#include <cstdint>
#include <vector>

#include <gazebo/physics/physics.hh>
#include <gazebo/rendering/rendering.hh>
#include <gazebo/sensors/sensors.hh>

namespace deepracer
{
// The sensor of the model describes the camera but is switched off: its pictures come at a rate of its own, and
// which of them belongs to which state is a matter of luck.
class Eye
{
 public:
  // Throws std::runtime_error if the model has no camera.
  explicit Eye(const gazebo::physics::ModelPtr &model);

  std::uint32_t Width() const { return sensor->ImageWidth(); }
  std::uint32_t Height() const { return sensor->ImageHeight(); }

  // Hide this car from all cars' cameras; false while the renderer has not heard of it yet.
  bool HideCar();

  // Append the picture (height, width, 3) of what is seen now. For the rendering thread only.
  void See(std::vector<unsigned char> &pictures);

 private:
  void Open();

  gazebo::physics::LinkPtr link;
  gazebo::sensors::CameraSensorPtr sensor;
  gazebo::rendering::CameraPtr camera;
};
}  // namespace deepracer
