#include "connection.hh"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include <gazebo/common/Console.hh>

namespace deepracer
{
namespace
{
bool Receive(int socket, void *data, std::size_t size)
{
  auto *place = static_cast<unsigned char *>(data);
  while (size > 0)
  {
    const ssize_t count = ::recv(socket, place, size, 0);
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      return false;
    place += count;
    size -= static_cast<std::size_t>(count);
  }
  return true;
}

bool Send(int socket, const Bytes &bytes)
{
  Bytes message;
  message.reserve(bytes.size() + 4);
  Append(message, static_cast<std::uint32_t>(bytes.size()));
  message.insert(message.end(), bytes.begin(), bytes.end());
  for (std::size_t sent = 0; sent < message.size();)
  {
    const ssize_t count = ::send(socket, message.data() + sent, message.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      return false;
    sent += static_cast<std::size_t>(count);
  }
  return true;
}

Bytes ReceiveMessage(int socket)
{
  std::uint32_t size = 0;
  if (!Receive(socket, &size, sizeof size))
    return {};
  if (size == 0 || size > MAX_REQUEST)
    throw std::runtime_error("a request of " + std::to_string(size) + " bytes: must be 1 to " +
                             std::to_string(MAX_REQUEST));
  Bytes request(size);
  if (!Receive(socket, request.data(), size))
    return {};
  return request;
}

void CheckHello(const Bytes &bytes)
{
  Hello hello;
  if (bytes.size() != sizeof hello)
    throw std::runtime_error("no greeting");
  std::memcpy(&hello, bytes.data(), sizeof hello);
  if (hello.magic != MAGIC)
    throw std::runtime_error("no greeting");
  if (hello.version != VERSION)
    throw std::runtime_error("protocol version " + std::to_string(hello.version) + ": must be " +
                             std::to_string(VERSION) + "; compile the plugin anew: deepracer gazebo install");
}
}  // namespace

Connection::Connection(std::uint16_t wanted, std::function<Hello()> greet_,
                       std::function<Bytes(const Bytes &)> answer_)
    : port(wanted), greet(std::move(greet_)), answer(std::move(answer_))
{
  listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int one = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(wanted);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto *generic = reinterpret_cast<sockaddr *>(&address);
  socklen_t size = sizeof address;
  if (::bind(listener, generic, size) != 0 || ::listen(listener, 1) != 0 ||
      ::getsockname(listener, generic, &size) != 0)
  {
    const std::string reason = std::strerror(errno);
    ::close(listener);
    throw std::runtime_error("cannot listen on 127.0.0.1:" + std::to_string(wanted) + ": " + reason);
  }
  port = ntohs(address.sin_port);
  thread = std::thread(&Connection::Serve, this);
}

Connection::~Connection()
{
  stopped = true;
  ::shutdown(listener, SHUT_RDWR);
  const int client = talking;
  if (client >= 0)
    ::shutdown(client, SHUT_RDWR);
  thread.join();
  ::close(listener);
}

void Connection::Serve()
{
  const int one = 1;
  while (!stopped)
  {
    const int client = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0)
      continue;
    ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    talking = client;
    try
    {
      Talk(client);
    }
    catch (const std::runtime_error &error)
    {
      gzwarn << "lock-step: " << error.what() << "\n";
      Bytes refusal;
      Append(refusal, Status::REFUSED);
      const std::string reason = error.what();
      refusal.insert(refusal.end(), reason.begin(), reason.end());
      Send(client, refusal);
    }
    talking = -1;
    ::close(client);
  }
}

void Connection::Talk(int client)
{
  Bytes hello;
  Append(hello, greet());
  if (!Send(client, hello))
    return;
  Bytes request = ReceiveMessage(client);
  if (request.empty())
    return;
  CheckHello(request);
  while (!stopped)
  {
    request = ReceiveMessage(client);
    if (request.empty() || !Send(client, answer(request)))
      return;
  }
}
}  // namespace deepracer
