// Finds and negotiates with a virtio-mmio device.

#include "tests/guests/virtio_io/virtio_mmio.h"

#include "tests/guests/virtio_io/machine.h"

static const uint32_t kMagic = 0x74726976;  // "virt"

// Bits of the status register (virtio 1.2, 2.1).
enum { kAcknowledge = 1, kDriver = 2, kDriverOk = 4, kFeaturesOk = 8 };

uint32_t ReadRegister(const struct VirtioDevice* device, uint32_t offset) {
  return *(volatile uint32_t*)(device->registers + offset);
}

void WriteRegister(const struct VirtioDevice* device, uint32_t offset, uint32_t value) {
  *(volatile uint32_t*)(device->registers + offset) = value;
}

static uint64_t OfferedFeatures(const struct VirtioDevice* device) {
  WriteRegister(device, kDeviceFeaturesSelect, 0);
  const uint64_t low = ReadRegister(device, kDeviceFeatures);
  WriteRegister(device, kDeviceFeaturesSelect, 1);
  return low | (uint64_t)ReadRegister(device, kDeviceFeatures) << 32;
}

// virtio 1.2, 3.1.1.
static void Negotiate(struct VirtioDevice* device, uint64_t features) {
  WriteRegister(device, kStatus, 0);
  while (ReadRegister(device, kStatus) != 0) {
  }
  WriteRegister(device, kStatus, kAcknowledge);
  WriteRegister(device, kStatus, kAcknowledge | kDriver);
  device->features = OfferedFeatures(device) & features;
  if ((device->features & VIRTIO_VERSION_1) == 0) {
    Fail("a device that does not offer VERSION_1");
  }
  WriteRegister(device, kDriverFeaturesSelect, 0);
  WriteRegister(device, kDriverFeatures, (uint32_t)device->features);
  WriteRegister(device, kDriverFeaturesSelect, 1);
  WriteRegister(device, kDriverFeatures, (uint32_t)(device->features >> 32));
  WriteRegister(device, kStatus, kAcknowledge | kDriver | kFeaturesOk);
  if ((ReadRegister(device, kStatus) & kFeaturesOk) == 0) {
    Fail("the device refused FEATURES_OK");
  }
}

bool VirtioOpen(struct VirtioDevice* device, uint32_t device_id, uint64_t features) {
  for (unsigned i = 0; (device->registers = VirtioDeviceAddress(i)) != 0; ++i) {
    if (ReadRegister(device, kMagicValue) != kMagic) {
      Fail("no virtio-mmio device where the command line has one");
    }
    if (ReadRegister(device, kDeviceId) != device_id) {
      continue;
    }
    if (ReadRegister(device, kVersion) != 2) {
      Fail("a virtio-mmio device that is not version 2");
    }
    Negotiate(device, features);
    return true;
  }
  return false;
}

void VirtioStart(const struct VirtioDevice* device) {
  WriteRegister(device, kStatus, kAcknowledge | kDriver | kFeaturesOk | kDriverOk);
}
