// What one exit from the guest costs.

#include "tests/guests/virtio_io/latency.h"
#include "tests/guests/virtio_io/machine.h"
#include "tests/guests/virtio_io/queue.h"
#include "tests/guests/virtio_io/virtio_mmio.h"
#include "tests/guests/virtio_io/workloads.h"

static const uint32_t kMaxCount = 65536;

static uint64_t MedianTicks(struct Latency* latency) {
  LatencySort(latency);
  const uint64_t median_ticks = LatencyPercentile(latency, 50);
  latency->count = 0;
  return median_ticks;
}

void RunExits(void) {
  static struct VirtioDevice device;
  static struct Queue queue;
  struct Latency latency;
  const uint64_t count = OptionNumber("count", 1000);
  LatencyInit(&latency, kMaxCount);
  if (!VirtioOpen(&device, kVirtioBlock, VIRTIO_VERSION_1 | VIRTIO_EVENT_IDX)) {
    Fail("no block device");
  }
  QueueInit(&queue, &device, 0, 1);
  VirtioStart(&device);
  MeetHost("BEGIN\n");
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t start = Ticks();
    QueueNotify(&queue);
    LatencyAdd(&latency, Ticks() - start);
  }
  const uint64_t notify_ticks = MedianTicks(&latency);
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t start = Ticks();
    (void)ReadRegister(&device, kMagicValue);
    LatencyAdd(&latency, Ticks() - start);
  }
  const uint64_t register_ticks = MedianTicks(&latency);
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t start = Ticks();
    LatencyAdd(&latency, Ticks() - start);
  }
  const uint64_t clock_ticks = MedianTicks(&latency);
  MeetHost("END\n");
  Print("RESULT");
  PrintNumber("operations", count);
  PrintNumber("notify_ticks", notify_ticks);
  PrintNumber("register_ticks", register_ticks);
  PrintNumber("clock_ticks", clock_ticks);
  PrintNumber("errors", 0);
  Print("\n");
}
