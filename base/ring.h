// Ring: an io_uring instance, set up with the best flags the running kernel has.

#ifndef MAYFLY_BASE_RING_H_
#define MAYFLY_BASE_RING_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct io_uring;
struct io_uring_sqe;

namespace mayfly {

// Owned by EventLoop; every method on the thread that called Create. Oldest kernel: 5.15.
class Ring {
 public:
  enum class Setup {
    kBest,     // as many of the optional flags as the kernel takes
    kMinimal,  // none: what a 5.15 kernel does, for tests
  };

  // The ring takes the operations of OperationGroup and no others (io_uring_register(2),
  // IORING_REGISTER_RESTRICTIONS); those it refuses end with -EACCES.
  //
  // Errors: "io_uring_setup: reason"; FailedPrecondition, saying how to change it, when the host
  // has io_uring disabled.
  static absl::StatusOr<Ring> Create(uint32_t entry_count, Setup setup);
  Ring(Ring&& other) noexcept;
  ~Ring();

  // An entry to fill in, or null when the ring is full: then Submit.
  io_uring_sqe* TakeEntry();
  // Hands the entries to the kernel and lets it finish what is ready, without waiting. A kernel
  // that takes only some of them is no error: take its completions and submit again.
  absl::Status Submit();
  // The same, and waits for a completion, for at most `timeout_us` (0 or more) when given. Returns
  // OK as well when a signal or the timeout ended the wait.
  absl::Status SubmitAndWait(std::optional<int64_t> timeout_us);
  // Whether there are completions that come with the next Submit only.
  bool HasTaskWork() const;
  // Whether there are completions to take, or such.
  bool HasCompletions() const;
  // Entries taken and not yet handed to the kernel.
  bool HasEntries() const;
  // Calls `completed` for each completion there is and takes it off the ring.
  void TakeCompletions(absl::FunctionRef<void(uint64_t user_data, int32_t result)> completed);

  // "256 entries, SINGLE_ISSUER|COOP_TASKRUN|SUBMIT_ALL".
  const std::string& setup_description() const { return setup_description_; }

 private:
  Ring(std::unique_ptr<io_uring> ring, std::string setup_description);

  std::unique_ptr<io_uring> ring_;
  std::string setup_description_;
};

}  // namespace mayfly

#endif  // MAYFLY_BASE_RING_H_
