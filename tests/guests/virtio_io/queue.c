// A polled split virtqueue.

#include "tests/guests/virtio_io/queue.h"

#include <stddef.h>

#include "tests/guests/virtio_io/machine.h"

// virtio 1.2, 2.7.5 to 2.7.8.
struct Descriptor {
  uint64_t address;
  uint32_t size_bytes;
  uint16_t flags;
  uint16_t next;
};

struct AvailableRing {
  uint16_t flags;
  uint16_t index;
  uint16_t ring[];  // then used_event
};

struct UsedElement {
  uint32_t head;
  uint32_t written_bytes;
};

struct UsedRing {
  uint16_t flags;
  uint16_t index;
  struct UsedElement ring[];  // then avail_event
};

// Flags of descriptors and rings of the same sections.
enum { kNext = 1, kWrite = 2, kIndirect = 4 };
enum { kNoInterrupt = 1, kNoNotify = 1 };

// The same for every monitor, whatever it would take.
static const uint32_t kSizeLimit = 256;

// How far ahead of the taken entries used_event is put, and how often: the ring index never meets
// it, so the device never interrupts.
static const uint16_t kUsedEventDistance = 0x8000;
static const uint16_t kUsedEventInterval = 0x4000;

static volatile uint16_t* UsedEvent(const struct Queue* queue) {
  return &queue->available->ring[queue->size];
}

static uint16_t AvailableEvent(const struct Queue* queue) {
  return *(const volatile uint16_t*)&queue->used->ring[queue->size];
}

static void WriteAddress(const struct VirtioDevice* device, uint32_t offset,
                         const volatile void* address) {
  WriteRegister(device, offset, (uint32_t)(uintptr_t)address);
  WriteRegister(device, offset + 4, (uint32_t)((uintptr_t)address >> 32));
}

void QueueInit(struct Queue* queue, const struct VirtioDevice* device, uint32_t number,
               uint16_t segments_per_slot) {
  WriteRegister(device, kQueueSelect, number);
  queue->number = number;
  const uint32_t size_max = ReadRegister(device, kQueueSizeMax);
  queue->size = (uint16_t)(size_max < kSizeLimit ? size_max : kSizeLimit);
  if (queue->size == 0 || ReadRegister(device, kQueueReady) != 0) {
    Fail("a queue that is not there or ready already");
  }
  const bool indirect = segments_per_slot > 1 && (device->features & VIRTIO_INDIRECT_DESC) != 0;
  queue->stride = indirect ? 1 : segments_per_slot;
  queue->slot_count = queue->size / queue->stride;
  if (queue->slot_count == 0 || segments_per_slot > queue->size) {
    Fail("a queue too small for the segments of one request");
  }
  queue->event_index = (device->features & VIRTIO_EVENT_IDX) != 0;
  queue->descriptors = Allocate(queue->size * sizeof(struct Descriptor));
  queue->tables = NULL;
  queue->table_size = segments_per_slot;
  queue->available = Allocate(sizeof(struct AvailableRing) + 2u * queue->size + 2);
  queue->used = Allocate(sizeof(struct UsedRing) + sizeof(struct UsedElement) * queue->size + 2);
  if (indirect) {
    queue->tables = Allocate(sizeof(struct Descriptor) * queue->slot_count * segments_per_slot);
  }
  queue->available->flags = kNoInterrupt;
  *UsedEvent(queue) = kUsedEventDistance;
  queue->notify_register = (volatile uint32_t*)(device->registers + kQueueNotify);
  WriteRegister(device, kQueueSize, queue->size);
  WriteAddress(device, kQueueDescriptors, queue->descriptors);
  WriteAddress(device, kQueueDriver, queue->available);
  WriteAddress(device, kQueueDevice, queue->used);
  WriteRegister(device, kQueueReady, 1);
}

void QueueSetSlot(struct Queue* queue, uint16_t slot, const struct Segment* segments,
                  uint16_t count) {
  if (slot >= queue->slot_count || count > queue->table_size) {
    Fail("a slot outside the queue");
  }
  const uint16_t head = (uint16_t)(slot * queue->stride);
  struct Descriptor* chain = &queue->descriptors[head];
  uint16_t first = head;
  if (queue->tables != NULL) {
    struct Descriptor* table = &queue->tables[(size_t)slot * queue->table_size];
    *chain = (struct Descriptor){.address = (uintptr_t)table,
                                 .size_bytes = (uint32_t)(count * sizeof(struct Descriptor)),
                                 .flags = kIndirect};
    chain = table;
    first = 0;
  }
  for (uint16_t i = 0; i < count; ++i) {
    const bool last = i + 1 == count;
    chain[i] = (struct Descriptor){
        .address = (uintptr_t)segments[i].start,
        .size_bytes = segments[i].size_bytes,
        .flags =
            (uint16_t)((segments[i].direction == kDeviceWrites ? kWrite : 0) | (last ? 0 : kNext)),
        .next = (uint16_t)(last ? 0 : first + i + 1)};
  }
}

void QueueSubmit(struct Queue* queue, uint16_t slot) {
  queue->available->ring[queue->submitted % queue->size] = (uint16_t)(slot * queue->stride);
  ++queue->submitted;
}

void QueueNotify(struct Queue* queue) {
  ++queue->notify_count;
  *queue->notify_register = queue->number;
}

void QueuePublish(struct Queue* queue) {
  const uint16_t before = queue->published;
  const uint16_t now = queue->submitted;
  if (now == before) {
    return;
  }
  __atomic_thread_fence(__ATOMIC_RELEASE);
  queue->available->index = now;
  queue->published = now;
  // The device may go to sleep between our store and our load: both must be in this order.
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  const bool wanted =
      queue->event_index
          // virtio 1.2, 2.7.10: the device asks for a notification once the index passes its event.
          ? (uint16_t)(now - AvailableEvent(queue) - 1) < (uint16_t)(now - before)
          : (queue->used->flags & kNoNotify) == 0;
  if (wanted) {
    QueueNotify(queue);
  }
}

bool QueuePoll(struct Queue* queue, uint16_t* slot, uint32_t* written_bytes) {
  if (queue->used->index == queue->taken) {
    return false;
  }
  __atomic_thread_fence(__ATOMIC_ACQUIRE);
  const volatile struct UsedElement* element = &queue->used->ring[queue->taken % queue->size];
  const uint32_t head = element->head;
  *written_bytes = element->written_bytes;
  *slot = (uint16_t)(head / queue->stride);
  if (head % queue->stride != 0 || *slot >= queue->slot_count) {
    Fail("a used entry that was never submitted");
  }
  ++queue->taken;
  if (queue->taken % kUsedEventInterval == 0) {
    *UsedEvent(queue) = (uint16_t)(queue->taken + kUsedEventDistance);
  }
  return true;
}
