// One car: Ackermann steering, a motor at each wheel, its state, a new place.
#pragma once

#include <array>
#include <mutex>
#include <string>

#include <gazebo/physics/physics.hh>

#include "protocol.hh"

namespace deepracer
{
// What the car can do, from the plugin's element in the world file.
struct Drive
{
  double steering_lag = 0.047;  // time constant of the servo, s
  double acceleration = 5.7;    // strongest, m/s^2
  double braking = 3.8;         // strongest, m/s^2
};

class Car
{
 public:
  // Throws std::runtime_error if the model lacks a joint.
  Car(gazebo::physics::ModelPtr model, const Drive &drive);

  void Drive(const Command &command);

  // Set the motors for the next iteration.
  void Update();

  // Put it at rest at a place, wheels straight.
  void Put(const Place &place);

  State Look() const;

  const std::string &Name() const { return name; }

 private:
  void Steer(double rate);
  void Push(const gazebo::physics::JointPtr &left, const gazebo::physics::JointPtr &right, double speed,
            double step);

  gazebo::physics::ModelPtr model;
  std::string name;
  std::array<gazebo::physics::JointPtr, 2> hinges;  // left, right
  std::array<gazebo::physics::JointPtr, 4> wheels;  // rear left, rear right, front left, front right
  deepracer::Drive drive;
  double wheelbase, front_track, wheel_radius, mass;
  Command command{0, 0};
};
}  // namespace deepracer
