// Rings by hand: the kernel's memory layout and two system calls.

#include "tests/escape/ring_intrusion.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>

namespace mayfly {
namespace {

constexpr uint64_t kOurs = 0x657363617065;
constexpr int kFdLimit = 64;
constexpr unsigned kEntries = 256;

io_uring_params g_layout = {};

uint32_t& Word(void* ring, uint32_t offset) {
  return *reinterpret_cast<uint32_t*>(static_cast<uint8_t*>(ring) + offset);
}

void* MapPart(int fd, size_t size_bytes, off_t offset) {
  return mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
}

// Only rings have memory at this offset.
int FindRing(void** ring, size_t size_bytes) {
  for (int fd = 3; fd < kFdLimit; ++fd) {
    *ring = MapPart(fd, size_bytes, IORING_OFF_SQ_RING);
    if (*ring == MAP_FAILED) {
      continue;
    }
    if (Word(*ring, g_layout.sq_off.ring_entries) == g_layout.sq_entries) {
      return fd;
    }
    munmap(*ring, size_bytes);
  }
  return -1;
}

// Takes completions of others away, too: the monitor is lost anyway.
int TakeCompletion(void* ring) {
  while (true) {
    uint32_t& head = Word(ring, g_layout.cq_off.head);
    const uint32_t tail = std::atomic_ref(Word(ring, g_layout.cq_off.tail)).load();
    if (head == tail) {
      return -ENODATA;
    }
    const auto* completions =
        reinterpret_cast<const io_uring_cqe*>(static_cast<uint8_t*>(ring) + g_layout.cq_off.cqes);
    const io_uring_cqe completion = completions[head & Word(ring, g_layout.cq_off.ring_mask)];
    std::atomic_ref(head).store(head + 1);
    if (completion.user_data == kOurs) {
      return completion.res;
    }
  }
}

}  // namespace

void LearnRingLayout() {
  io_uring ring;
  g_layout = {};
  if (io_uring_queue_init_params(kEntries, &ring, &g_layout) == 0) {
    io_uring_queue_exit(&ring);
  }
}

int SubmitToMonitorRing(io_uring_sqe entry) {
  const size_t size_bytes = g_layout.cq_off.cqes + g_layout.cq_entries * sizeof(io_uring_cqe);
  void* ring = nullptr;
  const int fd = FindRing(&ring, size_bytes);
  if (fd < 0) {
    return -ENXIO;
  }
  void* entries = MapPart(fd, g_layout.sq_entries * sizeof(io_uring_sqe), IORING_OFF_SQES);
  if (entries == MAP_FAILED) {
    return -errno;
  }
  uint32_t& tail = Word(ring, g_layout.sq_off.tail);
  const uint32_t slot = tail & Word(ring, g_layout.sq_off.ring_mask);
  entry.user_data = kOurs;
  static_cast<io_uring_sqe*>(entries)[slot] = entry;
  constexpr auto kWordBytes = static_cast<uint32_t>(sizeof(uint32_t));
  Word(ring, g_layout.sq_off.array + slot * kWordBytes) = slot;
  std::atomic_ref(tail).store(tail + 1);
  const auto submitted = syscall(SYS_io_uring_enter, fd, 1, 1, IORING_ENTER_GETEVENTS, nullptr, 0);
  return submitted < 0 ? -errno : TakeCompletion(ring);
}

}  // namespace mayfly
