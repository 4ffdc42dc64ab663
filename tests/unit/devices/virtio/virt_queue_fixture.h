// VirtQueueTest: a test with a device's queue and its driver's in guest memory.

#ifndef MAYFLY_TESTS_UNIT_DEVICES_VIRTIO_VIRT_QUEUE_FIXTURE_H_
#define MAYFLY_TESTS_UNIT_DEVICES_VIRTIO_VIRT_QUEUE_FIXTURE_H_

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "devices/virtio/virt_queue.h"
#include "gtest/gtest.h"
#include "tests/fakes/chain_builder.h"
#include "tests/fakes/fake_queue.h"
#include "tests/fakes/test_memory.h"

namespace mayfly {

class VirtQueueTest : public testing::Test {
 protected:
  static constexpr uint64_t kRamBytes = 0x40000;
  static constexpr uint64_t kBuffer = 0x20000;

  // A device's queue of the given size on a fresh driver's.
  void Start(uint16_t size, const VirtQueue::Features& features = {}) {
    driver.emplace(&memory, 0x1000, size);
    Restart(driver->state(), features);
  }
  void Restart(const VirtQueueState& state, const VirtQueue::Features& features = {}) {
    auto created = VirtQueue::Create(state, &memory, features);
    ASSERT_TRUE(created.ok()) << created.status();
    queue.emplace(*std::move(created));
  }

  static std::vector<VirtqDescriptor> OneByte() {
    return ChainBuilder().Writable(kBuffer, 1).Build();
  }

  // Takes a chain that must be there.
  uint16_t Pop() {
    const auto popped = queue->Pop(chain);
    EXPECT_TRUE(popped.ok()) << popped.status();
    EXPECT_TRUE(popped.ok() && *popped);
    return chain.head;
  }
  bool IsEmpty() {
    const auto popped = queue->Pop(chain);
    EXPECT_TRUE(popped.ok()) << popped.status();
    return popped.ok() && !*popped;
  }

  GuestMemory memory = MakeTestMemory(kRamBytes);
  std::optional<FakeQueue> driver;
  std::optional<VirtQueue> queue;
  DescriptorChain chain;
};

}  // namespace mayfly

#endif  // MAYFLY_TESTS_UNIT_DEVICES_VIRTIO_VIRT_QUEUE_FIXTURE_H_
