// MmioTransportTest: a transport whose device keeps what it is told.

#ifndef MAYFLY_TESTS_UNIT_DEVICES_VIRTIO_MMIO_TRANSPORT_FIXTURE_H_
#define MAYFLY_TESTS_UNIT_DEVICES_VIRTIO_MMIO_TRANSPORT_FIXTURE_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "devices/virtio/mmio_registers.h"
#include "devices/virtio/mmio_transport.h"
#include "devices/virtio/virtio_ids.h"
#include "gtest/gtest.h"
#include "tests/fakes/recording_virtio_device.h"
#include "tests/unit/devices/virtio/virtio_fixture.h"

namespace mayfly {

inline constexpr uint32_t kDriverState = kStatusAcknowledge | kStatusDriver;
inline constexpr uint32_t kFeaturesState = kDriverState | kStatusFeaturesOk;
inline constexpr uint32_t kRunningState = kFeaturesState | kStatusDriverOk;
inline constexpr uint64_t kRingFeatures =
    kFeatureVersion1 | kFeatureRingEventIdx | kFeatureRingIndirectDesc;

class MmioTransportTest : public VirtioTest {
 protected:
  void SetUp() override {
    VirtioTest::SetUp();
    AttachNew();
  }

  void AttachNew() {
    auto owned = std::make_unique<RecordingVirtioDevice>(loop.get());
    device = owned.get();
    Attach(std::move(owned));
  }

  // From 0 to one of the legal values.
  void GoTo(uint32_t status) {
    if (status >= kFeaturesState) {
      ASSERT_TRUE(driver->Negotiate(kFeatureVersion1));
    } else if (status != 0) {
      driver->WriteRegister(mmio::kStatus, kStatusAcknowledge);
      if (status == kDriverState) {
        driver->WriteRegister(mmio::kStatus, kDriverState);
      }
    }
    if (status == kRunningState) {
      driver->SetUpQueues();
      driver->SetDriverOk();
    }
    ASSERT_EQ(driver->status(), status);
  }

  uint64_t ignored_writes() const { return transport->counters().ignored_writes; }

  RecordingVirtioDevice* device = nullptr;
};

}  // namespace mayfly

#endif  // MAYFLY_TESTS_UNIT_DEVICES_VIRTIO_MMIO_TRANSPORT_FIXTURE_H_
