#include "car.hh"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace deepracer
{
namespace
{
constexpr double STEERING_TORQUE = 10;     // N m: as strong as the joint lets it be
constexpr double MAX_STEERING = 0.523599;  // the servo's end stop, radians
constexpr double GAIN = 0.25;  // of the speed's gap that is closed in an iteration; more shakes wheels that slip

gazebo::physics::JointPtr Find(const gazebo::physics::ModelPtr &model, const std::string &name)
{
  auto joint = model->GetJoint(name);
  if (!joint)
    throw std::runtime_error("model " + model->GetName() + " has no joint " + name);
  return joint;
}

double RadiusOf(const gazebo::physics::JointPtr &wheel)
{
  for (const auto &collision : wheel->GetChild()->GetCollisions())
    if (auto cylinder = boost::dynamic_pointer_cast<gazebo::physics::CylinderShape>(collision->GetShape()))
      return cylinder->GetRadius();
  throw std::runtime_error(wheel->GetChild()->GetName() + " has no cylinder as its collision");
}
}  // namespace

Car::Car(gazebo::physics::ModelPtr model_, const deepracer::Drive &drive_)
    : model(model_),
      name(model_->GetName()),
      hinges{Find(model, "left_steering_hinge_joint"), Find(model, "right_steering_hinge_joint")},
      wheels{Find(model, "left_rear_wheel_joint"), Find(model, "right_rear_wheel_joint"),
             Find(model, "left_front_wheel_joint"), Find(model, "right_front_wheel_joint")},
      drive(drive_)
{
  const auto place = [this](const gazebo::physics::JointPtr &joint) {
    return model->WorldPose().CoordPoseSolve(joint->GetChild()->WorldPose()).Pos();
  };
  wheelbase = place(wheels[2]).X() - place(wheels[0]).X();
  front_track = place(hinges[0]).Y() - place(hinges[1]).Y();
  wheel_radius = RadiusOf(wheels[0]);
  mass = 0;
  for (const auto &link : model->GetLinks())
    mass += link->GetInertial()->Mass();
  for (const auto &wheel : wheels)
    // What spins has to be sped up twice.
    mass += wheel->GetChild()->GetInertial()->IYY() / (wheel_radius * wheel_radius);
  for (const auto &hinge : hinges)
    hinge->SetParam("fmax", 0, STEERING_TORQUE);
}

void Car::Drive(const Command &command_)
{
  command.steering_angle = std::clamp(command_.steering_angle, -MAX_STEERING, MAX_STEERING);
  command.speed = command_.speed;
}

void Car::Update()
{
  const double step = model->GetWorld()->Physics()->GetMaxStepSize();
  Steer(-std::expm1(-step / drive.steering_lag) / step);
  const double turn = 0.5 * (hinges[0]->Position(0) + hinges[1]->Position(0));
  Push(wheels[0], wheels[1], command.speed, step);
  Push(wheels[2], wheels[3], command.speed / std::cos(turn), step);
}

// A servo that closes its gap with a time constant, the same for any length of an iteration.
void Car::Steer(double rate)
{
  const double curvature = std::tan(command.steering_angle) / wheelbase;
  for (std::size_t side = 0; side < hinges.size(); ++side)
  {
    const double across = (side == 0 ? 0.5 : -0.5) * front_track;
    const double wanted = std::atan(wheelbase * curvature / (1 - across * curvature));
    hinges[side]->SetParam("vel", 0, rate * (wanted - hinges[side]->Position(0)));
  }
}

// Half of the motor's force through the open differential of an axle, whose mean speed it holds.
void Car::Push(const gazebo::physics::JointPtr &left, const gazebo::physics::JointPtr &right, double speed,
               double step)
{
  const double missing = speed - 0.5 * wheel_radius * (left->GetVelocity(0) + right->GetVelocity(0));
  const double wanted = std::clamp(GAIN * missing / step, -drive.braking, drive.acceleration);
  const double torque = 0.25 * mass * wanted * wheel_radius;
  left->SetForce(0, torque);
  right->SetForce(0, torque);
}

void Car::Put(const Place &place)
{
  command = {0, 0};
  const ignition::math::Pose3d pose(place.x, place.y, 0, 0, 0, place.yaw);
  model->SetWorldPose(pose);
  // Each link anew: joints that are set to 0 keep what their links have drifted apart.
  for (const auto &link : model->GetLinks())
    link->SetWorldPose(link->InitialRelativePose() + pose);
  model->ResetPhysicsStates();
}

State Car::Look() const
{
  const auto pose = model->WorldPose();
  const auto link = model->GetLink();
  const auto origin = link->WorldPose().CoordPoseSolve(pose).Pos();
  const auto velocity = pose.Rot().RotateVectorReverse(link->WorldLinearVel(origin));
  State state{pose.Pos().X(), pose.Pos().Y(), pose.Pos().Z(),
              pose.Rot().Roll(), pose.Rot().Pitch(), pose.Rot().Yaw(),
              velocity.X(), velocity.Y(), link->RelativeAngularVel().Z(),
              hinges[0]->Position(0), hinges[1]->Position(0), {}};
  for (std::size_t wheel = 0; wheel < wheels.size(); ++wheel)
    state.wheel_speeds[wheel] = wheels[wheel]->GetVelocity(0);
  return state;
}
}  // namespace deepracer
