// A world plugin that moves Gazebo exactly as far as it is told over a local TCP connection.
#include <condition_variable>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <vector>

#include <gazebo/common/common.hh>
#include <gazebo/physics/physics.hh>

#include "car.hh"
#include "connection.hh"
#include "eye.hh"

namespace deepracer
{
namespace
{
constexpr double IDLE_RATE = 1000;  // looks a second for work while paused; without any a core would be busy

// Reads a request front to back.
class Reader
{
 public:
  explicit Reader(const Bytes &bytes_) : bytes(bytes_) {}

  template <typename T>
  T Next()
  {
    T value;
    if (bytes.size() - position < sizeof value)
      throw std::runtime_error("a request of " + std::to_string(bytes.size()) + " bytes is too short");
    std::memcpy(&value, bytes.data() + position, sizeof value);
    position += sizeof value;
    return value;
  }

  void End() const
  {
    if (position != bytes.size())
      throw std::runtime_error("a request of " + std::to_string(bytes.size()) + " bytes is too long: must be " +
                               std::to_string(position));
  }

 private:
  const Bytes &bytes;
  std::size_t position = 0;
};

double Finite(double value, double limit, const char *name)
{
  if (!(std::fabs(value) <= limit))
    throw std::runtime_error(std::string(name) + " = " + std::to_string(value) + ": must be within -" +
                             std::to_string(limit) + " and " + std::to_string(limit));
  return value;
}
}  // namespace

class Lockstep : public gazebo::WorldPlugin
{
 public:
  void Load(gazebo::physics::WorldPtr world_, sdf::ElementPtr sdf) override
  {
    world = world_;
    try
    {
      Start(sdf);
    }
    catch (const std::runtime_error &error)
    {
      gzerr << "lock-step: " << error.what() << "\n";
    }
  }

  ~Lockstep() override
  {
    {
      std::lock_guard<std::mutex> lock(mutex);
      is_ending = true;
    }
    changed.notify_all();
    connection.reset();
  }

 private:
  void Start(const sdf::ElementPtr &sdf)
  {
    Drive drive;
    drive.steering_lag = sdf->Get<double>("steering_lag", drive.steering_lag).first;
    drive.acceleration = sdf->Get<double>("acceleration", drive.acceleration).first;
    drive.braking = sdf->Get<double>("braking", drive.braking).first;
    for (auto element = sdf->GetElement("car"); element; element = element->GetNextElement("car"))
    {
      const auto name = element->Get<std::string>();
      const auto model = world->ModelByName(name);
      if (!model)
        throw std::runtime_error("there is no model " + name);
      cars.emplace_back(model, drive);
      eyes.emplace_back(model);
    }
    world->SetPaused(true);
    physics_events = {
        gazebo::event::Events::ConnectWorldUpdateBegin([this](const gazebo::common::UpdateInfo &) { DriveCars(); }),
        gazebo::event::Events::ConnectWorldUpdateEnd([this] { Count(); }),
        gazebo::event::Events::ConnectRender([this] { See(); })};
    const char *wanted = std::getenv("DEEPRACER_LOCKSTEP_PORT");
    connection = std::make_unique<Connection>(
        static_cast<std::uint16_t>(wanted ? std::atoi(wanted) : 0), [this] { return Greet(); },
        [this](const Bytes &request) { return Answer(request); });
    std::cout << "lock-step: listening on 127.0.0.1:" << connection->Port() << std::endl;
  }

  Hello Greet() const
  {
    Hello hello;
    hello.cars = static_cast<std::uint32_t>(cars.size());
    hello.width = eyes.front().Width();
    hello.height = eyes.front().Height();
    hello.iteration = static_cast<std::uint32_t>(std::lround(world->Physics()->GetMaxStepSize() * 1e9));
    return hello;
  }

  Bytes Answer(const Bytes &request)
  {
    Reader reader(request);
    bool with_pictures = false;
    switch (reader.Next<Kind>())
    {
      case Kind::STEP:
      {
        const auto step = reader.Next<Step>();
        if (step.iterations < 1 || step.iterations > MAX_ITERATIONS)
          throw std::runtime_error(std::to_string(step.iterations) + " iterations: must be 1 to " +
                                   std::to_string(MAX_ITERATIONS));
        ReadCommands(reader);
        Run(step.iterations);
        with_pictures = step.pictures != 0;
        break;
      }
      case Kind::PLACE:
        ReadPlaces(reader);
        with_pictures = true;
        break;
      case Kind::SEED:
      {
        const auto seed = reader.Next<std::uint32_t>();
        reader.End();
        world->Physics()->SetSeed(seed);
        break;
      }
      default:
        throw std::runtime_error("an unknown kind of request");
    }
    return Report(with_pictures);
  }

  void ReadCommands(Reader &reader)
  {
    std::vector<Command> commands;
    for (std::size_t car = 0; car < cars.size(); ++car)
    {
      const auto command = reader.Next<Command>();
      Finite(command.steering_angle, 3, "steering_angle");
      Finite(command.speed, 100, "speed");
      commands.push_back(command);
    }
    reader.End();
    for (std::size_t car = 0; car < cars.size(); ++car)
      cars[car].Drive(commands[car]);
  }

  void ReadPlaces(Reader &reader)
  {
    std::vector<Place> places;
    for (std::size_t car = 0; car < cars.size(); ++car)
    {
      const auto place = reader.Next<Place>();
      Finite(place.x, 10000, "x");
      Finite(place.y, 10000, "y");
      Finite(place.yaw, 100, "yaw");
      places.push_back(place);
    }
    reader.End();
    boost::recursive_mutex::scoped_lock lock(*world->Physics()->GetPhysicsUpdateMutex());
    for (std::size_t car = 0; car < cars.size(); ++car)
      if (places[car].is_moved != 0)
        cars[car].Put(places[car]);
  }

  // Let exactly so many iterations pass, as fast as they go.
  void Run(std::uint32_t iterations)
  {
    {
      std::lock_guard<std::mutex> lock(mutex);
      left = iterations;
    }
    world->Physics()->SetRealTimeUpdateRate(0);
    world->SetPaused(false);
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [this] { return left == 0 || is_ending; });
    world->Physics()->SetRealTimeUpdateRate(IDLE_RATE);
  }

  void DriveCars()
  {
    for (auto &car : cars)
      car.Update();
  }

  // After each iteration, in the physics thread.
  void Count()
  {
    std::lock_guard<std::mutex> lock(mutex);
    if (left == 0 || --left > 0)
      return;
    world->SetPaused(true);
    changed.notify_all();
  }

  // In the rendering thread, which alone may render.
  void See()
  {
    std::lock_guard<std::mutex> lock(mutex);
    if (!is_looking)
      return;
    for (auto &eye : eyes)
      if (!eye.HideCar())
        return;
    pictures.clear();
    for (auto &eye : eyes)
      eye.See(pictures);
    is_looking = false;
    changed.notify_all();
  }

  Bytes Report(bool with_pictures)
  {
    Bytes reply;
    Append(reply, Status::OK);
    const auto time = world->SimTime();
    Append(reply, Seen{std::int64_t{time.sec} * 1000000000 + time.nsec});
    for (const auto &car : cars)
      Append(reply, car.Look());
    if (with_pictures)
    {
      std::unique_lock<std::mutex> lock(mutex);
      is_looking = true;
      changed.wait(lock, [this] { return !is_looking || is_ending; });
      reply.insert(reply.end(), pictures.begin(), pictures.end());
    }
    return reply;
  }

  gazebo::physics::WorldPtr world;
  std::vector<Car> cars;
  std::vector<Eye> eyes;
  std::vector<gazebo::event::ConnectionPtr> physics_events;

  std::mutex mutex;
  std::condition_variable changed;
  std::uint32_t left = 0;   // iterations still to come
  bool is_looking = false;  // pictures are wanted
  bool is_ending = false;
  Bytes pictures;

  std::unique_ptr<Connection> connection;
};

GZ_REGISTER_WORLD_PLUGIN(Lockstep)
}  // namespace deepracer
