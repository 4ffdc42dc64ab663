// BlockTest: a test with a disk on a temporary file and the driver that uses it.

#ifndef MAYFLY_TESTS_UNIT_DEVICES_VIRTIO_BLOCK_FIXTURE_H_
#define MAYFLY_TESTS_UNIT_DEVICES_VIRTIO_BLOCK_FIXTURE_H_

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "devices/virtio/block_config.h"
#include "devices/virtio/block_device.h"
#include "devices/virtio/block_request.h"
#include "gtest/gtest.h"
#include "tests/fakes/chain_builder.h"
#include "tests/fakes/temporary_file.h"
#include "tests/unit/devices/virtio/virtio_fixture.h"

namespace mayfly {

class BlockTest : public VirtioTest {
 protected:
  static constexpr uint64_t kSectorBytes = 512;
  static constexpr uint8_t kNoStatus = 0xee;

  // How a request ended: the status byte and how much the used ring says was written.
  struct Answer {
    uint8_t status = kNoStatus;
    uint32_t written_bytes = 0;
  };

  // Byte i of the disk is this, so that a sector read from the wrong place shows.
  static uint8_t PatternByte(uint64_t i) { return static_cast<uint8_t>(i * 7 + i / 512); }
  static std::vector<uint8_t> Pattern(uint64_t start, uint64_t size_bytes) {
    std::vector<uint8_t> bytes(size_bytes);
    for (uint64_t i = 0; i < size_bytes; ++i) {
      bytes[i] = PatternByte(start + i);
    }
    return bytes;
  }

  // A disk on a new file of `size_bytes` of the pattern, at work with all features it offers.
  void StartDisk(uint64_t size_bytes, BlockDeviceOptions options = {},
                 uint16_t queue_size = kQueueMaxSize) {
    file.emplace(Pattern(0, size_bytes));
    StartDiskOn(file->path(), std::move(options), queue_size);
  }
  void StartDiskOn(const std::string& path, BlockDeviceOptions options = {},
                   uint16_t queue_size = kQueueMaxSize) {
    options.file.path = path;
    options.on_warning = [this](absl::string_view warning) { warnings.emplace_back(warning); };
    auto created = BlockDevice::Create(loop.get(), std::move(options));
    ASSERT_TRUE(created.ok()) << created.status();
    disk = created->get();
    Attach(*std::move(created), queue_size);
    StartWithRings(disk->offered_features());
  }

  static std::vector<uint8_t> HeaderBytes(uint32_t type, uint64_t sector) {
    std::vector<uint8_t> bytes(16);
    std::memcpy(bytes.data(), &type, sizeof(type));
    std::memcpy(bytes.data() + 8, &sector, sizeof(sector));
    return bytes;
  }
  uint64_t StoreHeader(BlockRequestType type, uint64_t sector) {
    return driver->Store(HeaderBytes(static_cast<uint32_t>(type), sector));
  }
  uint64_t AllocateStatus() {
    const uint64_t status = driver->Allocate(1);
    driver->Fill(status, 1, kNoStatus);
    return status;
  }

  // Makes the chain available, notifies, and waits for it.
  Answer Finish(const std::vector<VirtqDescriptor>& chain, uint64_t status, size_t queue = 0) {
    const uint16_t head = driver->queue(queue).Add(chain);
    driver->Notify(static_cast<uint32_t>(queue));
    const FakeQueue::Used used = WaitForUsed(queue);
    EXPECT_EQ(used.head, head);
    return {.status = driver->LoadByte(status), .written_bytes = used.written_bytes};
  }

  // A request of type, sector and one buffer of the type's direction; none when `size_bytes` is 0.
  Answer Do(BlockRequestType type, uint64_t sector, uint64_t data, uint32_t size_bytes,
            size_t queue = 0) {
    const uint64_t status = AllocateStatus();
    ChainBuilder chain;
    chain.Readable(StoreHeader(type, sector), 16);
    if (size_bytes > 0) {
      const bool is_written = type == BlockRequestType::kIn || type == BlockRequestType::kGetId;
      is_written ? chain.Writable(data, size_bytes) : chain.Readable(data, size_bytes);
    }
    return Finish(chain.Writable(status, 1).Build(), status, queue);
  }
  Answer Write(uint64_t sector, const std::vector<uint8_t>& bytes) {
    return Do(BlockRequestType::kOut, sector, driver->Store(bytes),
              static_cast<uint32_t>(bytes.size()));
  }
  // Fails the test unless it works.
  std::vector<uint8_t> Read(uint64_t sector, uint32_t size_bytes) {
    const uint64_t data = driver->Allocate(size_bytes);
    const Answer answer = Do(BlockRequestType::kIn, sector, data, size_bytes);
    EXPECT_EQ(answer.status, 0);
    EXPECT_EQ(answer.written_bytes, size_bytes + 1);
    return driver->Load(data, size_bytes);
  }

  std::vector<uint8_t> FileBytes() const {
    std::ifstream stream(file->path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  }

  std::optional<TemporaryFile> file;
  BlockDevice* disk = nullptr;
};

}  // namespace mayfly

#endif  // MAYFLY_TESTS_UNIT_DEVICES_VIRTIO_BLOCK_FIXTURE_H_
