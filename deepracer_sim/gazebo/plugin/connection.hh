// The plugin's end of the wire: one client at a time, from this machine only.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "protocol.hh"

namespace deepracer
{
using Bytes = std::vector<unsigned char>;

// Append the bytes of a plain struct.
template <typename T>
void Append(Bytes &bytes, const T &value)
{
  const auto *start = reinterpret_cast<const unsigned char *>(&value);
  bytes.insert(bytes.end(), start, start + sizeof(T));
}

// Serves requests in a thread of its own until it is destroyed.
class Connection
{
 public:
  // greet: what a client is told first. answer: from a request to a reply; what it throws
  // (std::runtime_error) is told to the client, whose connection then ends.
  // Throws std::runtime_error if the port (0: any) cannot be bound.
  Connection(std::uint16_t port, std::function<Hello()> greet, std::function<Bytes(const Bytes &)> answer);
  ~Connection();

  std::uint16_t Port() const { return port; }

 private:
  void Serve();
  void Talk(int client);

  std::uint16_t port;
  std::function<Hello()> greet;
  std::function<Bytes(const Bytes &)> answer;
  int listener;
  std::atomic<int> talking{-1};
  std::atomic<bool> stopped{false};
  std::thread thread;
};
}  // namespace deepracer
