// Drives a disk with any requests, registers and guest memory, its file exchanged and its rates
// changed meanwhile.
//
// An input is what VirtioGuest reads: mode, the disk's kind, queue size, features, then steps.

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "devices/virtio/block_device.h"
#include "devices/virtio/block_request.h"
#include "fuzzer/FuzzedDataProvider.h"
#include "tests/fuzz/virtio_guest.h"

namespace mayfly {
namespace {

constexpr uint64_t kSectorCount = 64;

// In memory, and never gone: two disks of different sizes.
const std::string& DiskPath(size_t index) {
  static const auto* paths = [] {
    auto* made = new std::vector<std::string>;
    for (const uint64_t sectors : {kSectorCount, uint64_t{3}}) {
      const int fd = memfd_create("disk", MFD_CLOEXEC);
      MAYFLY_CHECK(fd >= 0 && ftruncate(fd, static_cast<off_t>(sectors * 512)) == 0);
      made->push_back(absl::StrCat("/proc/self/fd/", fd));
    }
    return made;
  }();
  return (*paths)[index];
}

std::unique_ptr<BlockDevice> MakeDisk(uint8_t kind) {
  BlockDeviceOptions options = {
      .file = {.path = DiskPath(0), .is_read_only = kind % 8 == 7},
      .cache_type = kind / 8 % 2 == 0 ? CacheType::kWriteback : CacheType::kUnsafe,
      .queue_count = static_cast<uint16_t>(1 + kind / 16 % 2)};
  if (kind / 32 % 4 == 3) {
    options.rate_limiter.ops = {.size = 1000, .refill_time_ms = 1};
    options.rate_limiter.bandwidth = {.size = 1 << 20, .refill_time_ms = 1};
  }
  return BlockDevice::Create(VirtioGuest::Loop(), std::move(options)).value();
}

std::vector<uint8_t> Header(VirtioGuest& guest) {
  constexpr uint8_t kTypes[] = {0, 1, 4, 8, 11, 13, 2, 0};
  std::vector<uint8_t> header(16);
  const uint8_t kind = guest.TakeByte();
  header[0] = kTypes[kind % 8];
  header[3] = kind == 0xff ? 0x80 : 0;
  header[8] = guest.TakeByte() % 80;
  header[15] = kind / 8 == 31 ? guest.TakeByte() : 0;
  return header;
}

// A header, data both ways, and a status, cut where the input says.
bool BuildRequest(VirtioGuest& guest, size_t /*queue_index*/, ChainBuilder& chain) {
  std::vector<uint8_t> readable = Header(guest);
  const uint8_t shape = guest.TakeByte();
  if (shape % 4 == 1) {
    readable.resize(16 + size_t{512} * (1 + shape / 4 % 4), shape);
  } else if (shape % 4 == 2) {
    // Ranges of DISCARD and WRITE_ZEROES, or odd data.
    for (size_t i = 0; i < size_t{16} * (1 + shape / 4 % 4); ++i) {
      const bool is_number = i % 16 == 0 || i % 16 == 8;
      readable.push_back(is_number ? static_cast<uint8_t>(guest.TakeByte() % 80) : uint8_t{0});
    }
  } else if (shape % 32 == 3) {
    readable.resize(16 + guest.TakeByte());
  }
  const uint64_t start = guest.StoreReadable(readable);
  const auto size = static_cast<uint32_t>(readable.size());
  const uint32_t cut = 1 + guest.TakeByte() % 24;
  if (cut < size) {
    chain.Readable(start, cut).Readable(start + cut, size - cut);
  } else {
    chain.Readable(start, size);
  }
  if (shape % 4 != 1) {
    const uint32_t data = shape % 16 == 0 ? guest.TakeByte() : 512u * (shape / 64 % 4);
    const uint64_t room = guest.PickWritable(data + 1);
    if (data > 0) {
      chain.Writable(room, data);
    }
    chain.Writable(room + data, 1);
  } else {
    chain.Writable(guest.PickWritable(1), 1);
  }
  return true;
}

void Run(FuzzedDataProvider& provider) {
  VirtioGuest guest(&provider);
  std::unique_ptr<BlockDevice> owned = MakeDisk(guest.TakeByte());
  BlockDevice* disk = owned.get();
  guest.Attach(std::move(owned), BuildRequest, [&guest, disk] {
    const uint8_t kind = guest.TakeByte();
    if (kind % 4 == 1) {
      disk->Reopen(DiskPath(kind / 4 % 2), [](const absl::Status&) {});
    } else if (kind % 4 == 2) {
      disk->UpdateRateLimiter({.ops = TokenBucketConfig{.size = 1u + kind, .refill_time_ms = 1}});
    } else if (kind % 8 == 4) {
      disk->Pause([disk] { disk->Resume(); });
    } else if (kind % 4 == 3) {
      disk->UpdateRateLimiter({.bandwidth = TokenBucketConfig{}, .ops = TokenBucketConfig{}});
    }
  });
  guest.Run();
}

}  // namespace
}  // namespace mayfly

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size_bytes) {
  FuzzedDataProvider provider(data, size_bytes);
  mayfly::Run(provider);
  return 0;
}
