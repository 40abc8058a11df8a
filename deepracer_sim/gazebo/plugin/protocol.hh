// What goes over the wire: little-endian, packed, each message after its size in bytes (u32).
//
//   server: Hello                     client: Hello with the same magic and version
//   client: Kind, then its body       server: Status, then Seen, State[cars], pictures if asked for
//
// lockstep_client.py is the other end; change VERSION with every change of this file.
#pragma once

#include <cstddef>
#include <cstdint>

namespace deepracer
{
constexpr std::uint32_t MAGIC = 0x53444c44;  // "DLDS"
constexpr std::uint32_t VERSION = 1;
constexpr std::uint32_t MAX_REQUEST = 4096;      // bytes
constexpr std::uint32_t MAX_ITERATIONS = 10000;  // of one step

enum class Kind : std::uint32_t
{
  STEP = 1,   // Step, then Command[cars]
  PLACE = 2,  // Look, then Place[cars]
  SEED = 3,   // u32: of the physics engine's draws
};

enum class Status : std::uint32_t
{
  OK = 0,
  REFUSED = 1,  // a sentence follows instead, and the connection ends
};

#pragma pack(push, 1)
struct Hello
{
  std::uint32_t magic = MAGIC;
  std::uint32_t version = VERSION;
  std::uint32_t cars = 0, width = 0, height = 0;
  std::uint32_t iteration = 0;  // nanoseconds of simulated time
};

struct Step
{
  std::uint32_t iterations, pictures;  // pictures: 1 to see them
};

struct Command
{
  double steering_angle, speed;  // radians, left positive; m/s
};

struct Place
{
  double is_moved, x, y, yaw;  // is_moved: 1 to put the car there, 0 to leave it alone
};

struct Seen
{
  std::int64_t time;  // simulated nanoseconds, of states and pictures alike
};

struct State
{
  double x, y, z, roll, pitch, yaw;                // of base_link in the world
  double forward_speed, lateral_speed, yaw_rate;   // of base_link in its own frame
  double left_steering_angle, right_steering_angle;
  double wheel_speeds[4];  // rad/s: rear left, rear right, front left, front right
};
#pragma pack(pop)
}  // namespace deepracer
