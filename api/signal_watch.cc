// Reads a signalfd through the ring.

#include "api/signal_watch.h"

#include <pthread.h>
#include <signal.h>

#include <cstring>

#include "base/status.h"

namespace mayfly {

absl::StatusOr<std::unique_ptr<SignalWatch>> SignalWatch::Create(
    EventLoop* loop, std::initializer_list<int> signals, std::function<void(int)> on_signal) {
  sigset_t mask;
  sigemptyset(&mask);
  for (const int signal : signals) {
    sigaddset(&mask, signal);
  }
  const int error = pthread_sigmask(SIG_BLOCK, &mask, nullptr);
  if (error != 0) {
    return ErrnoError("pthread_sigmask", error);
  }
  // A write past RLIMIT_FSIZE then fails with EFBIG, which the guest hears of.
  if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGXFSZ, SIG_IGN) == SIG_ERR) {
    return ErrnoError("signal");
  }
  OwnedFd fd(signalfd(-1, &mask, SFD_CLOEXEC));
  if (!fd.is_open()) {
    return ErrnoError("signalfd");
  }
  std::unique_ptr<SignalWatch> watch(new SignalWatch(loop, std::move(fd), std::move(on_signal)));
  watch->ReadNext();
  return watch;
}

void SignalWatch::ReadNext() {
  io_.Read(fd_.get(), buffer_, OperationGroup::kCurrentPosition, [this](int32_t result) {
    if (result != static_cast<int32_t>(sizeof(signalfd_siginfo))) {
      return;
    }
    signalfd_siginfo info;
    std::memcpy(&info, buffer_.data(), sizeof(info));
    on_signal_(static_cast<int>(info.ssi_signo));
    ReadNext();
  });
}

}  // namespace mayfly
