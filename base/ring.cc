// io_uring set-up and the few calls on it.

#include "base/ring.h"

#include <liburing.h>

#include <array>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace mayfly {
namespace {

struct FlagSet {
  uint32_t flags;
  const char* names;
};

// Best first: what Linux 6.1, 6.0, 5.19, 5.18 and 5.15 have. DEFER_TASKRUN finishes requests only
// when this thread asks for completions, instead of interrupting it; COOP_TASKRUN is the nearest
// thing before it, and TASKRUN_FLAG says when there is something to ask for. SUBMIT_ALL goes on
// after an entry the kernel refuses.
constexpr std::array<FlagSet, 5> kFlagSets = {{
    {IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_COOP_TASKRUN |
         IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL,
     "SINGLE_ISSUER|DEFER_TASKRUN|COOP_TASKRUN|TASKRUN_FLAG|SUBMIT_ALL"},
    {IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
         IORING_SETUP_SUBMIT_ALL,
     "SINGLE_ISSUER|COOP_TASKRUN|TASKRUN_FLAG|SUBMIT_ALL"},
    {IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL,
     "COOP_TASKRUN|TASKRUN_FLAG|SUBMIT_ALL"},
    {IORING_SETUP_SUBMIT_ALL, "SUBMIT_ALL"},
    {0, "no flags"},
}};

absl::Status SetupError(int error) {
  if (error == EPERM || error == ENOSYS) {
    return absl::FailedPreconditionError(absl::StrCat(
        ErrnoError("io_uring_setup", error).message(),
        " (io_uring is disabled on this host: see sysctl kernel.io_uring_disabled, and the "
        "container's seccomp profile)"));
  }
  return ErrnoError("io_uring_setup", error);
}

// What the wait with a timeout, lossless completions and the current file position need; all in
// Linux 5.11.
constexpr uint32_t kNeededFeatures =
    IORING_FEAT_EXT_ARG | IORING_FEAT_NODROP | IORING_FEAT_RW_CUR_POS | IORING_FEAT_FAST_POLL;

// All that OperationGroup and EventLoop ask for. Nothing opens, connects or names a file by its
// path.
constexpr std::array kOperations = {
    IORING_OP_READ,      IORING_OP_WRITE,   IORING_OP_READV,    IORING_OP_WRITEV,
    IORING_OP_ACCEPT,    IORING_OP_RECV,    IORING_OP_SEND,     IORING_OP_FSYNC,
    IORING_OP_FALLOCATE, IORING_OP_MADVISE, IORING_OP_POLL_ADD, IORING_OP_ASYNC_CANCEL,
};

// Whoever takes the process over cannot make the kernel do more on this ring, and filters of system
// calls prevent another one. Registrations are not among what is allowed, so that this is for good.
absl::Status Restrict(io_uring* ring) {
  std::array<io_uring_restriction, kOperations.size() + 1> restrictions = {};
  for (size_t i = 0; i < kOperations.size(); ++i) {
    restrictions[i].opcode = IORING_RESTRICTION_SQE_OP;
    restrictions[i].sqe_op = static_cast<__u8>(kOperations[i]);
  }
  restrictions.back().opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
  restrictions.back().sqe_flags = IOSQE_ASYNC;
  int result = io_uring_register_restrictions(ring, restrictions.data(),
                                              static_cast<unsigned>(restrictions.size()));
  if (result == 0) {
    result = io_uring_enable_rings(ring);
  }
  return result == 0 ? absl::OkStatus() : ErrnoError("io_uring_register", -result);
}

// A wait that ended without a completion, and a kernel that is short of memory or wants its
// completions taken first, are answered by the loop's next turn.
bool IsTransient(int error) {
  return error == EINTR || error == ETIME || error == EAGAIN || error == EBUSY;
}

}  // namespace

Ring::Ring(std::unique_ptr<io_uring> ring, std::string setup_description)
    : ring_(std::move(ring)), setup_description_(std::move(setup_description)) {}

Ring::Ring(Ring&& other) noexcept = default;

Ring::~Ring() {
  if (ring_ != nullptr) {
    io_uring_queue_exit(ring_.get());
  }
}

absl::StatusOr<Ring> Ring::Create(uint32_t entry_count, Setup setup) {
  auto ring = std::make_unique<io_uring>();
  for (const FlagSet& set : kFlagSets) {
    if (setup == Setup::kMinimal && set.flags != 0) {
      continue;
    }
    io_uring_params params = {};
    params.flags = set.flags | IORING_SETUP_R_DISABLED;
    const int result = io_uring_queue_init_params(entry_count, ring.get(), &params);
    if (result == -EINVAL && set.flags != 0) {
      continue;
    }
    if (result < 0) {
      return SetupError(-result);
    }
    // Owns the ring from here on.
    Ring owner(std::move(ring), absl::StrCat(params.sq_entries, " entries, ", set.names));
    if ((params.features & kNeededFeatures) != kNeededFeatures) {
      return absl::FailedPreconditionError(
          "io_uring_setup: the kernel lacks needed io_uring features (Linux 5.15 has them)");
    }
    // Saves a file look-up a call; not in Linux before 5.18, and of no consequence when refused.
    (void)io_uring_register_ring_fd(owner.ring_.get());
    RETURN_IF_ERROR(Restrict(owner.ring_.get()));
    return owner;
  }
  return SetupError(EINVAL);
}

io_uring_sqe* Ring::TakeEntry() { return io_uring_get_sqe(ring_.get()); }

absl::Status Ring::Submit() {
  const int result = io_uring_submit_and_get_events(ring_.get());
  if (result < 0 && !IsTransient(-result)) {
    return ErrnoError("io_uring_enter", -result);
  }
  return absl::OkStatus();
}

absl::Status Ring::SubmitAndWait(std::optional<int64_t> timeout_us) {
  int result = 0;
  if (timeout_us.has_value()) {
    __kernel_timespec timeout = {.tv_sec = *timeout_us / 1'000'000,
                                 .tv_nsec = *timeout_us % 1'000'000 * 1'000};
    io_uring_cqe* unused = nullptr;
    result = io_uring_submit_and_wait_timeout(ring_.get(), &unused, 1, &timeout, nullptr);
  } else {
    result = io_uring_submit_and_wait(ring_.get(), 1);
  }
  if (result < 0 && !IsTransient(-result)) {
    return ErrnoError("io_uring_enter", -result);
  }
  return absl::OkStatus();
}

bool Ring::HasTaskWork() const {
  return (IO_URING_READ_ONCE(*ring_->sq.kflags) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

bool Ring::HasCompletions() const { return io_uring_cq_ready(ring_.get()) > 0 || HasTaskWork(); }

bool Ring::HasEntries() const { return io_uring_sq_ready(ring_.get()) > 0; }

void Ring::TakeCompletions(absl::FunctionRef<void(uint64_t user_data, int32_t result)> completed) {
  unsigned head = 0;
  unsigned count = 0;
  io_uring_cqe* completion = nullptr;
  io_uring_for_each_cqe(ring_.get(), head, completion) {
    completed(completion->user_data, completion->res);
    ++count;
  }
  io_uring_cq_advance(ring_.get(), count);
}

}  // namespace mayfly
