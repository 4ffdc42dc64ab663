// SignalWatch: hears of signals that end the monitor on the event loop.

#ifndef MAYFLY_API_SIGNAL_WATCH_H_
#define MAYFLY_API_SIGNAL_WATCH_H_

#include <sys/signalfd.h>

#include <array>
#include <functional>
#include <initializer_list>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "base/operation_group.h"
#include "base/owned_fd.h"

namespace mayfly {

// Blocks them for the calling thread and all it starts later, so that the loop can leave in order.
// Make it before any other thread. SIGXFSZ and SIGPIPE are ignored: a reader that went away is a
// write error.
class SignalWatch {
 public:
  // `on_signal` gets the number of each of `signals` on the loop.
  static absl::StatusOr<std::unique_ptr<SignalWatch>> Create(EventLoop* loop,
                                                             std::initializer_list<int> signals,
                                                             std::function<void(int)> on_signal);
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  SignalWatch(EventLoop* loop, OwnedFd fd, std::function<void(int)> on_signal)
      : fd_(std::move(fd)), on_signal_(std::move(on_signal)), io_(loop) {}

  void ReadNext();

  OwnedFd fd_;
  std::function<void(int)> on_signal_;
  std::array<uint8_t, sizeof(signalfd_siginfo)> buffer_{};
  OperationGroup io_;
};

}  // namespace mayfly

#endif  // MAYFLY_API_SIGNAL_WATCH_H_
