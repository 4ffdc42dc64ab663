// The driver's side of one split virtqueue that is polled, never interrupted (virtio 1.2, 2.7).
//
// Buffers are laid out once, in slots; a slot is then submitted and comes back as often as wanted:
//   QueueInit(&queue, &device, 0, segments_per_slot);
//   QueueSetSlot(&queue, slot, segments, count);   // each slot
//   VirtioStart(&device);
//   QueueSubmit(&queue, slot);                     // any number of slots
//   QueuePublish(&queue);
//   while (!QueuePoll(&queue, &slot, &written_bytes)) {}

#ifndef MAYFLY_TESTS_GUESTS_VIRTIO_IO_QUEUE_H_
#define MAYFLY_TESTS_GUESTS_VIRTIO_IO_QUEUE_H_

#include <stdbool.h>
#include <stdint.h>

#include "tests/guests/virtio_io/virtio_mmio.h"

struct AvailableRing;
struct Descriptor;
struct UsedRing;

enum SegmentDirection { kDeviceReads, kDeviceWrites };

struct Segment {
  void* start;
  uint32_t size_bytes;
  enum SegmentDirection direction;
};

struct Queue {
  volatile uint32_t* notify_register;
  uint32_t number;
  uint16_t size;        // entries
  uint16_t slot_count;  // slots are 0 .. slot_count - 1
  uint16_t stride;      // descriptors of the ring per slot
  bool event_index;
  struct Descriptor* descriptors;
  struct Descriptor* tables;  // of one slot after the other; NULL when slots need no indirection
  uint16_t table_size;        // entries of one slot's table
  volatile struct AvailableRing* available;
  volatile struct UsedRing* used;
  uint16_t submitted;     // free-running
  uint16_t published;     // what the device knows of `submitted`
  uint16_t taken;         // free-running index into the used ring
  uint64_t notify_count;  // writes to QueueNotify, each an exit
};

// Sets queue `number` up at the largest size up to 256 that the device takes, for slots of up to
// `segments_per_slot` segments. More than one go into an indirect table where the device has them.
void QueueInit(struct Queue* queue, const struct VirtioDevice* device, uint32_t number,
               uint16_t segments_per_slot);

// Lays out `slot`; those the device reads come first. Not while the slot is in flight.
void QueueSetSlot(struct Queue* queue, uint16_t slot, const struct Segment* segments,
                  uint16_t count);

// Adds a slot to the available ring; the device sees it after QueuePublish.
void QueueSubmit(struct Queue* queue, uint16_t slot);

// Shows the device what was submitted, and notifies it when it asked for that.
void QueuePublish(struct Queue* queue);

// Notifies the device without a reason.
void QueueNotify(struct Queue* queue);

// Takes one used slot; false when there is none yet.
bool QueuePoll(struct Queue* queue, uint16_t* slot, uint32_t* written_bytes);

#endif  // MAYFLY_TESTS_GUESTS_VIRTIO_IO_QUEUE_H_
