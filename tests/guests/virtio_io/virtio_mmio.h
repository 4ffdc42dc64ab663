// The driver's side of one modern virtio-mmio device: its registers and status (virtio 1.2, 4.2).

#ifndef MAYFLY_TESTS_GUESTS_VIRTIO_IO_VIRTIO_MMIO_H_
#define MAYFLY_TESTS_GUESTS_VIRTIO_IO_VIRTIO_MMIO_H_

#include <stdbool.h>
#include <stdint.h>

enum { kVirtioNet = 1, kVirtioBlock = 2 };

// Features of every device type, by bit (virtio 1.2, 6).
#define VIRTIO_INDIRECT_DESC (1ull << 28)
#define VIRTIO_EVENT_IDX (1ull << 29)
#define VIRTIO_VERSION_1 (1ull << 32)

// Offsets of registers (virtio 1.2, 4.2.2).
enum {
  kMagicValue = 0x000,
  kVersion = 0x004,
  kDeviceId = 0x008,
  kDeviceFeatures = 0x010,
  kDeviceFeaturesSelect = 0x014,
  kDriverFeatures = 0x020,
  kDriverFeaturesSelect = 0x024,
  kQueueSelect = 0x030,
  kQueueSizeMax = 0x034,
  kQueueSize = 0x038,
  kQueueReady = 0x044,
  kQueueNotify = 0x050,
  kStatus = 0x070,
  kQueueDescriptors = 0x080,
  kQueueDriver = 0x090,
  kQueueDevice = 0x0a0,
  kConfiguration = 0x100,
};

struct VirtioDevice {
  uintptr_t registers;  // physical, mapped to itself
  uint64_t features;    // as negotiated
};

uint32_t ReadRegister(const struct VirtioDevice* device, uint32_t offset);
void WriteRegister(const struct VirtioDevice* device, uint32_t offset, uint32_t value);

// Finds the first device of type `device_id` on the command line, resets it and accepts those of
// `features` that it offers, VERSION_1 among them; its queues come next. False without such a
// device; fails the run when it is not a modern one or refuses.
bool VirtioOpen(struct VirtioDevice* device, uint32_t device_id, uint64_t features);

// Sets DRIVER_OK. Call when all queues are set up.
void VirtioStart(const struct VirtioDevice* device);

#endif  // MAYFLY_TESTS_GUESTS_VIRTIO_IO_VIRTIO_MMIO_H_
