// MmioTransport: the registers, the way of the status, features and configuration space.

#include "devices/virtio/mmio_transport.h"

#include <cstdint>
#include <span>
#include <vector>

#include "devices/virtio/mmio_registers.h"
#include "devices/virtio/virtio_ids.h"
#include "gtest/gtest.h"
#include "tests/unit/devices/virtio/mmio_transport_fixture.h"

namespace mayfly {
namespace {

TEST_F(MmioTransportTest, SaysWhatItIs) {
  EXPECT_EQ(driver->ReadRegister(mmio::kMagicValue), 0x74726976u);
  EXPECT_EQ(driver->ReadRegister(mmio::kVersion), 2u);
  EXPECT_EQ(driver->ReadRegister(mmio::kDeviceId), RecordingVirtioDevice::kDeviceId);
  EXPECT_EQ(driver->ReadRegister(mmio::kVendorId), 0u);
  EXPECT_EQ(driver->status(), 0u);
  EXPECT_EQ(driver->ReadRegister(mmio::kInterruptStatus), 0u);
  EXPECT_EQ(driver->ReadRegister(mmio::kConfigGeneration), 0u);
}

// 4.2.2.1: a shared memory region that does not exist has length and base of all ones.
TEST_F(MmioTransportTest, HasNoSharedMemory) {
  for (const uint64_t offset :
       {mmio::kShmLenLow, mmio::kShmLenHigh, mmio::kShmBaseLow, mmio::kShmBaseHigh}) {
    EXPECT_EQ(driver->ReadRegister(offset), ~uint32_t{0});
  }
}

TEST_F(MmioTransportTest, OffersFeaturesByPage) {
  EXPECT_EQ(driver->device_features(), RecordingVirtioDevice::kFeatures | kRingFeatures);
  for (const uint32_t page : {2u, 32u, 0x80000000u, 0xffffffffu}) {
    driver->WriteRegister(mmio::kDeviceFeaturesSel, page);
    EXPECT_EQ(driver->ReadRegister(mmio::kDeviceFeatures), 0u);
  }
}

TEST_F(MmioTransportTest, TellsTheSizeOfTheQueuesThereAre) {
  for (const uint32_t index : {0u, 2u}) {
    driver->WriteRegister(mmio::kQueueSel, index);
    EXPECT_EQ(driver->ReadRegister(mmio::kQueueNumMax), 256u);
  }
}

// A selected queue out of range once ended another monitor (cloud-hypervisor 0e4e3277a).
TEST_F(MmioTransportTest, ASelectedQueueThatIsNotThereReadsAsZeroAndIsNotWritten) {
  GoTo(kFeaturesState);
  for (const uint32_t index : {3u, 256u, 0x10000u, 0x80000000u, 0xffffffffu}) {
    driver->WriteRegister(mmio::kQueueSel, index);
    EXPECT_EQ(driver->ReadRegister(mmio::kQueueNumMax), 0u);
    const uint64_t before = ignored_writes();
    for (const uint64_t offset :
         {mmio::kQueueNum, mmio::kQueueDescLow, mmio::kQueueDeviceHigh, mmio::kQueueReady}) {
      driver->WriteRegister(offset, 1);
    }
    EXPECT_EQ(ignored_writes(), before + 4);
    EXPECT_EQ(driver->ReadRegister(mmio::kQueueReady), 0u);
  }
}

TEST_F(MmioTransportTest, TakesTheLegalStepsOfTheStatusAndNoOthers) {
  const std::vector<uint32_t> legal = {0, kStatusAcknowledge, kDriverState, kFeaturesState,
                                       kRunningState};
  for (size_t i = 0; i < legal.size(); ++i) {
    for (uint32_t written = 1; written <= 0x100; ++written) {
      AttachNew();
      GoTo(legal[i]);
      if (i == 2) {
        driver->WriteRegister(mmio::kDriverFeaturesSel, 1);
        driver->WriteRegister(mmio::kDriverFeatures, 1);
      }
      const uint64_t before = ignored_writes();
      driver->WriteRegister(mmio::kStatus, written);
      if ((written & kStatusFailed) != 0) {
        ASSERT_EQ(driver->status(), legal[i] | kStatusFailed);
      } else if (i + 1 < legal.size() && written == legal[i + 1]) {
        ASSERT_EQ(driver->status(), written);
      } else {
        ASSERT_EQ(driver->status(), legal[i]) << written;
        ASSERT_EQ(ignored_writes(), before + (written == legal[i] ? 0 : 1));
      }
    }
  }
}

TEST_F(MmioTransportTest, FailedStaysUntilAReset) {
  GoTo(kDriverState);
  driver->WriteRegister(mmio::kStatus, kDriverState | kStatusFailed);
  driver->WriteRegister(mmio::kStatus, kDriverState);
  driver->WriteRegister(mmio::kStatus, kFeaturesState);
  EXPECT_EQ(driver->status(), kDriverState | kStatusFailed);
  driver->WriteRegister(mmio::kStatus, 0);
  EXPECT_EQ(driver->status(), 0u);
  StartWithRings();
  EXPECT_EQ(device->active_queues.size(), 3u);
}

TEST_F(MmioTransportTest, RefusesFeaturesThatWereNotOffered) {
  for (uint32_t bit = 0; bit < 64; ++bit) {
    const uint64_t feature = uint64_t{1} << bit;
    const bool is_offered = (driver->device_features() & feature) != 0;
    EXPECT_EQ(driver->Negotiate(kFeatureVersion1 | feature), is_offered) << bit;
    driver->WriteRegister(mmio::kStatus, 0);
  }
}

// 6.1: a device of today may insist on VERSION_1. A driver may try again without a reset.
TEST_F(MmioTransportTest, RefusesToWorkWithoutVersion1) {
  EXPECT_FALSE(driver->Negotiate(kFeatureRingEventIdx));
  EXPECT_EQ(driver->status(), kDriverState);
  driver->WriteRegister(mmio::kDriverFeaturesSel, 1);
  driver->WriteRegister(mmio::kDriverFeatures, 1);
  driver->WriteRegister(mmio::kStatus, kFeaturesState);
  EXPECT_EQ(driver->status(), kFeaturesState);
}

TEST_F(MmioTransportTest, TakesFeaturesOnlyWhileTheyAreNegotiated) {
  // Before: these would be refused later.
  driver->WriteRegister(mmio::kDriverFeatures, 0xffffffff);
  EXPECT_EQ(ignored_writes(), 1u);
  GoTo(kDriverState);
  for (const uint32_t page : {2u, 33u, 0xffffffffu}) {
    driver->WriteRegister(mmio::kDriverFeaturesSel, page);
    driver->WriteRegister(mmio::kDriverFeatures, 0xffffffff);
  }
  EXPECT_EQ(ignored_writes(), 4u);
  driver->WriteRegister(mmio::kDriverFeaturesSel, 1);
  driver->WriteRegister(mmio::kDriverFeatures, 1);
  driver->WriteRegister(mmio::kStatus, kFeaturesState);
  ASSERT_EQ(driver->status(), kFeaturesState);
  // After: the device would see these.
  driver->WriteRegister(mmio::kDriverFeatures, 3);
  EXPECT_EQ(ignored_writes(), 5u);
  driver->SetUpQueues();
  driver->SetDriverOk();
  RunUntil([&] { return !device->events.empty(); });
  EXPECT_EQ(device->active_features, kFeatureVersion1);
}

TEST_F(MmioTransportTest, TakesQueueRegistersOnlyBetweenFeaturesOkAndDriverOk) {
  const std::vector<uint64_t> offsets = {
      mmio::kQueueNum,        mmio::kQueueDescLow,   mmio::kQueueDescHigh,   mmio::kQueueDriverLow,
      mmio::kQueueDriverHigh, mmio::kQueueDeviceLow, mmio::kQueueDeviceHigh, mmio::kQueueReady};
  for (const uint32_t status : {0u, kStatusAcknowledge, kDriverState, kRunningState}) {
    AttachNew();
    GoTo(status);
    const uint64_t before = ignored_writes();
    for (const uint64_t offset : offsets) {
      driver->WriteRegister(offset, 1);
    }
    EXPECT_EQ(ignored_writes(), before + offsets.size()) << status;
  }
}

TEST_F(MmioTransportTest, AReadyQueueIsFrozenUntilItIsTakenBack) {
  GoTo(kFeaturesState);
  driver->WriteQueueRegisters(1, driver->queue(1).state());
  EXPECT_EQ(driver->ReadRegister(mmio::kQueueReady), 1u);
  driver->WriteRegister(mmio::kQueueNum, 3);
  driver->WriteRegister(mmio::kQueueDescLow, 0x13);
  EXPECT_EQ(ignored_writes(), 2u);
  driver->WriteRegister(mmio::kQueueReady, 2);
  EXPECT_EQ(ignored_writes(), 3u);
  EXPECT_EQ(driver->ReadRegister(mmio::kQueueReady), 1u);
  driver->WriteRegister(mmio::kQueueReady, 0);
  EXPECT_EQ(driver->ReadRegister(mmio::kQueueReady), 0u);
  driver->WriteRegister(mmio::kQueueNum, 64);
  driver->WriteRegister(mmio::kQueueReady, 1);
  EXPECT_EQ(ignored_writes(), 3u);
  driver->SetDriverOk();
  RunUntil([&] { return !device->events.empty(); });
  EXPECT_EQ(device->active_queues[0], nullptr);
  EXPECT_EQ(device->active_queues[1]->size(), 64);
  EXPECT_EQ(device->active_queues[2], nullptr);
}

TEST_F(MmioTransportTest, ConfigIsReadInAnyPieceAndNeverWritten) {
  for (size_t size = 1; size <= 8; ++size) {
    for (uint64_t offset = 0; offset <= 16; ++offset) {
      std::vector<uint8_t> bytes(size, 0xee);
      transport->Read(mmio::kConfig + offset, bytes);
      for (size_t i = 0; i < size; ++i) {
        ASSERT_EQ(bytes[i], offset + i < 10 ? offset + i + 1 : 0u);
      }
    }
  }
  std::vector<uint8_t> far(8, 0xee);
  transport->Read(mmio::kWindowBytes - 1, far);
  EXPECT_EQ(far, std::vector<uint8_t>(8));
  driver->WriteRegister(mmio::kConfig, 0xffffffff);
  driver->WriteRegister(mmio::kWindowBytes - 1, 0xffffffff);
  EXPECT_EQ(transport->counters().config_writes, 2u);
  EXPECT_EQ(driver->ReadConfig(0, 4), (std::vector<uint8_t>{1, 2, 3, 4}));
}

// 4.2.2.2: registers are accessed with 32 bits, aligned.
TEST_F(MmioTransportTest, RegistersOfAnotherWidthReadAsZeroAndAreNotWritten) {
  const std::vector<uint8_t> ones(8, 1);
  uint64_t expected_ignored = 0;
  for (const size_t size : {1u, 2u, 3u, 4u, 5u, 8u}) {
    for (uint64_t offset = 0; offset < mmio::kConfig; ++offset) {
      if (size == 4 && offset % 4 == 0) {
        continue;
      }
      std::vector<uint8_t> bytes(size, 0xee);
      transport->Read(offset, bytes);
      ASSERT_EQ(bytes, std::vector<uint8_t>(size)) << offset;
      transport->Write(offset, std::span(ones).first(size));
      ++expected_ignored;
    }
  }
  EXPECT_EQ(ignored_writes(), expected_ignored);
  EXPECT_EQ(driver->status(), 0u);
}

TEST_F(MmioTransportTest, UnknownAndReadOnlyRegistersAreNotWritten) {
  GoTo(kFeaturesState);
  for (const uint64_t offset :
       {mmio::kMagicValue, mmio::kVersion, mmio::kDeviceId, mmio::kVendorId, mmio::kDeviceFeatures,
        mmio::kQueueNumMax, mmio::kInterruptStatus, mmio::kConfigGeneration, uint64_t{0x28},
        uint64_t{0x40}, uint64_t{0xc0}}) {
    const uint32_t before = driver->ReadRegister(offset);
    driver->WriteRegister(offset, 0xffffffff);
    EXPECT_EQ(driver->ReadRegister(offset), before);
  }
  EXPECT_EQ(ignored_writes(), 11u);
}

}  // namespace
}  // namespace mayfly
