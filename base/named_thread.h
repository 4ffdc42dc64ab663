// NamedThread: a thread with a name, whose creation can fail without ending the process.

#ifndef MAYFLY_BASE_NAMED_THREAD_H_
#define MAYFLY_BASE_NAMED_THREAD_H_

#include <pthread.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"

namespace mayfly {

// Owned and used by the thread that made it. The destructor joins.
class NamedThread {
 public:
  NamedThread() = default;
  NamedThread(const NamedThread&) = delete;
  NamedThread& operator=(const NamedThread&) = delete;
  ~NamedThread() { Join(); }

  // Runs `body` on a new thread called `name` (15 bytes at most) with every signal blocked but
  // `signal`, 0 for none, and those that a fault of its own raises. Call once. Errors:
  // "pthread_create: reason".
  absl::Status Start(std::string name, int signal, std::function<void()> body);

  // Sends a signal to the thread; nothing happens when none was started.
  void Signal(int signal);
  void Join();

 private:
  pthread_t thread_{};
  bool is_started_ = false;
};

}  // namespace mayfly

#endif  // MAYFLY_BASE_NAMED_THREAD_H_
