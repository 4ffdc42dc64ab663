// Threads by pthread_create, which reports failure where std::thread throws.

#include "base/named_thread.h"

#include <signal.h>

#include <array>
#include <cstddef>
#include <utility>

#include "base/status.h"
#include "base/thread_name.h"

namespace mayfly {
namespace {

// Enough for a vCPU's exit handling and a register dump; thousands of monitors share a host.
constexpr size_t kStackBytes = size_t{256} << 10;

// What the thread's own instructions raise: blocked, they would end the process without their
// handlers.
constexpr std::array kFaultSignals = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS, SIGTRAP, SIGABRT};

struct StartArguments {
  std::string name;
  std::function<void()> body;
};

void* ThreadMain(void* raw) {
  // Made by Start for this thread alone.
  const std::unique_ptr<StartArguments> arguments(static_cast<StartArguments*>(raw));
  SetThreadName(arguments->name);
  arguments->body();
  return nullptr;
}

}  // namespace

absl::Status NamedThread::Start(std::string name, int signal, std::function<void()> body) {
  auto arguments = std::make_unique<StartArguments>(
      StartArguments{.name = std::move(name), .body = std::move(body)});
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  sigset_t mask;
  sigfillset(&mask);
  for (const int fault : kFaultSignals) {
    sigdelset(&mask, fault);
  }
  if (signal != 0) {
    sigdelset(&mask, signal);
  }
  pthread_attr_setsigmask_np(&attributes, &mask);
  const int error = pthread_create(&thread_, &attributes, ThreadMain, arguments.get());
  pthread_attr_destroy(&attributes);
  if (error != 0) {
    return ErrnoError("pthread_create", error);
  }
  (void)arguments.release();
  is_started_ = true;
  return absl::OkStatus();
}

void NamedThread::Signal(int signal) {
  if (is_started_) {
    pthread_kill(thread_, signal);
  }
}

void NamedThread::Join() {
  if (is_started_) {
    pthread_join(thread_, nullptr);
    is_started_ = false;
  }
}

}  // namespace mayfly
