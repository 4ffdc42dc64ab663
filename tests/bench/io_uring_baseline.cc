// What 4 KiB random reads or writes of a file cost a plain program through io_uring, one at a time.
//
// Usage: io_uring_baseline FILE read|write cached|direct DURATION_MS
//        io_uring_baseline --tsc
// Prints "operations=N median_ns=N"; with --tsc "tsc_hz=N", the frequency of the time stamp
// counter. tests/bench/virtio_io subtracts the median from what a guest sees. A write gives a block
// its own number as its first eight bytes, which is what the guest expects to read.

#include <fcntl.h>
#include <liburing.h>
#include <sys/stat.h>
#include <unistd.h>
#include <x86intrin.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/owned_fd.h"
#include "base/status.h"

namespace mayfly {
namespace {

constexpr uint32_t kBlockBytes = 4096;

enum class Operation { kRead, kWrite };

struct FreeDeleter {
  void operator()(void* memory) const { std::free(memory); }
};

// A ring of one operation in flight, as the monitor sets its own up where the kernel can.
class PlainRing {
 public:
  PlainRing() = default;
  PlainRing(const PlainRing&) = delete;
  PlainRing& operator=(const PlainRing&) = delete;
  ~PlainRing() {
    if (is_open_) {
      io_uring_queue_exit(&ring_);
    }
  }

  absl::Status Open() {
    int result =
        io_uring_queue_init(8, &ring_, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
    if (result == -EINVAL) {
      result = io_uring_queue_init(8, &ring_, 0);
    }
    if (result < 0) {
      return ErrnoError("io_uring_setup", -result);
    }
    is_open_ = true;
    return absl::OkStatus();
  }

  absl::Status Run(Operation operation, int fd, void* block, uint64_t offset) {
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    if (operation == Operation::kRead) {
      io_uring_prep_read(entry, fd, block, kBlockBytes, offset);
    } else {
      io_uring_prep_write(entry, fd, block, kBlockBytes, offset);
    }
    if (const int result = io_uring_submit_and_wait(&ring_, 1); result < 0) {
      return ErrnoError("io_uring_enter", -result);
    }
    io_uring_cqe* completion = nullptr;
    if (const int result = io_uring_wait_cqe(&ring_, &completion); result < 0) {
      return ErrnoError("io_uring_enter", -result);
    }
    const int32_t byte_count = completion->res;
    io_uring_cqe_seen(&ring_, completion);
    if (byte_count < 0) {
      return ErrnoError("read or write", -byte_count);
    }
    if (byte_count != static_cast<int32_t>(kBlockBytes)) {
      return absl::DataLossError("short read or write");
    }
    return absl::OkStatus();
  }

 private:
  io_uring ring_{};
  bool is_open_ = false;
};

absl::StatusOr<std::vector<int64_t>> Measure(int fd, Operation operation, uint64_t block_count,
                                             absl::Duration duration) {
  PlainRing ring;
  RETURN_IF_ERROR(ring.Open());
  const std::unique_ptr<void, FreeDeleter> block(std::aligned_alloc(kBlockBytes, kBlockBytes));
  std::memset(block.get(), 0, kBlockBytes);
  std::mt19937_64 random(1);
  std::vector<int64_t> samples_ns;
  const absl::Time end = absl::Now() + duration;
  while (absl::Now() < end) {
    const uint64_t number = random() % block_count;
    std::memcpy(block.get(), &number, sizeof(number));
    const int64_t start_ns = absl::GetCurrentTimeNanos();
    RETURN_IF_ERROR(ring.Run(operation, fd, block.get(), number * kBlockBytes));
    samples_ns.push_back(absl::GetCurrentTimeNanos() - start_ns);
    uint64_t found = 0;
    std::memcpy(&found, block.get(), sizeof(found));
    if (found != number) {
      return absl::DataLossError("a block that does not start with its number");
    }
  }
  return samples_ns;
}

absl::Status RunBaseline(char** arguments) {
  const absl::string_view operation = arguments[1];
  const absl::string_view cache = arguments[2];
  int64_t duration_ms = 0;
  if ((operation != "read" && operation != "write") || (cache != "cached" && cache != "direct") ||
      !absl::SimpleAtoi(arguments[3], &duration_ms) || duration_ms < 1) {
    return absl::InvalidArgumentError(
        "usage: io_uring_baseline FILE read|write cached|direct DURATION_MS");
  }
  auto file = OwnedFd::Open(arguments[0], O_RDWR | (cache == "direct" ? O_DIRECT : 0));
  RETURN_IF_ERROR(file.status());
  struct stat status = {};
  if (fstat(file->get(), &status) != 0) {
    return ErrnoError("fstat");
  }
  const uint64_t block_count = static_cast<uint64_t>(status.st_size) / kBlockBytes;
  if (block_count == 0) {
    return absl::InvalidArgumentError("the file is smaller than a block");
  }
  auto samples_ns = Measure(file->get(), operation == "read" ? Operation::kRead : Operation::kWrite,
                            block_count, absl::Milliseconds(duration_ms));
  RETURN_IF_ERROR(samples_ns.status());
  const auto middle = samples_ns->begin() + static_cast<std::ptrdiff_t>(samples_ns->size() / 2);
  std::nth_element(samples_ns->begin(), middle, samples_ns->end());
  std::printf("operations=%zu median_ns=%ld\n", samples_ns->size(), *middle);
  return absl::OkStatus();
}

void PrintTscFrequency() {
  const int64_t start_ns = absl::GetCurrentTimeNanos();
  const uint64_t start_ticks = __rdtsc();
  absl::SleepFor(absl::Milliseconds(200));
  const int64_t duration_ns = absl::GetCurrentTimeNanos() - start_ns;
  const uint64_t ticks = __rdtsc() - start_ticks;
  std::printf("tsc_hz=%.0f\n", static_cast<double>(ticks) * 1e9 / static_cast<double>(duration_ns));
}

}  // namespace
}  // namespace mayfly

int main(int argc, char** argv) {
  if (argc == 2 && absl::string_view(argv[1]) == "--tsc") {
    mayfly::PrintTscFrequency();
    return 0;
  }
  const absl::Status status =
      argc == 5 ? mayfly::RunBaseline(argv + 1)
                : absl::InvalidArgumentError(
                      "usage: io_uring_baseline FILE read|write cached|direct DURATION_MS | --tsc");
  if (!status.ok()) {
    std::fprintf(stderr, "io_uring_baseline: %s\n", std::string(status.message()).c_str());
    return 1;
  }
  return 0;
}
