// The block workload: one operation at a fixed depth, each block checked.

#include "tests/guests/virtio_io/latency.h"
#include "tests/guests/virtio_io/machine.h"
#include "tests/guests/virtio_io/queue.h"
#include "tests/guests/virtio_io/virtio_mmio.h"
#include "tests/guests/virtio_io/workloads.h"

// virtio 1.2, 5.2.3 to 5.2.6.
#define BLOCK_SIZE_MAX (1ull << 1)
#define BLOCK_SEG_MAX (1ull << 2)
#define BLOCK_FLUSH (1ull << 9)  // without it the device may have to write through
enum { kCapacityField = 0x00, kSizeMaxField = 0x08, kSegMaxField = 0x0c };
enum { kRead = 0, kWriteOut = 1 };
enum { kSectorBytes = 512, kBlockBytes = 4096, kMaxDepth = 64, kMaxSegments = 254 };
static const uint32_t kMaxSamples = 65536;
static const uint8_t kStatusUnset = 0xff;
static const uint64_t kMaxReadBack = 256;

struct RequestHeader {
  uint32_t type;
  uint32_t reserved;
  uint64_t sector;
};

struct Request {
  struct RequestHeader header;
  volatile uint8_t status;
  uint8_t* segments[kMaxSegments];
  uint32_t segment_bytes[kMaxSegments];
  uint64_t first_block;
  uint64_t start_ticks;
};

static struct VirtioDevice device;
static struct Queue queue;
static struct Request* requests;  // one per slot
static struct Latency latency;

// The workload.
static bool writing;
static bool sequential;
static uint32_t size_bytes;
static uint16_t segment_count;
static uint16_t depth;
static uint64_t seed;
static uint64_t request_places;  // the disk in units of size_bytes

// What has happened.
static uint64_t random_state;
static uint64_t next_place;
static uint64_t operation_count;
static uint64_t error_count;
static uint64_t last_block;

// xorshift64* (Vigna 2016).
static uint64_t NextRandom(void) {
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return random_state * 0x2545f4914f6cdd1dull;
}

static void RewindPlaces(void) {
  random_state = seed;
  next_place = 0;
}

static uint64_t NextBlock(void) {
  const uint64_t blocks = size_bytes / kBlockBytes;
  if (sequential) {
    next_place = next_place + 1 == request_places ? 0 : next_place + 1;
    return next_place * blocks;
  }
  // The upper half of the product spreads 32 random bits evenly over the places.
  return ((NextRandom() >> 32) * request_places >> 32) * blocks;
}

// Scattered over memory with a hole of a page after each segment, so that no side can merge them.
// When the device takes fewer segments than size_bytes has pages, the last one is longer.
static void PlaceSegments(struct Request* request) {
  if (segment_count > size_bytes / kBlockBytes) {
    Fail("more segments than blocks");
  }
  uint32_t left_bytes = size_bytes;
  for (uint16_t i = 0; i < segment_count; ++i) {
    request->segment_bytes[i] = i + 1 == segment_count ? left_bytes : kBlockBytes;
    request->segments[i] = Allocate(request->segment_bytes[i] + PAGE_BYTES);
    left_bytes -= request->segment_bytes[i];
  }
}

static void SetDirection(uint16_t slot, bool write) {
  struct Segment segments[kMaxSegments + 2];
  struct Request* request = &requests[slot];
  request->header.type = write ? kWriteOut : kRead;
  segments[0] = (struct Segment){&request->header, sizeof(request->header), kDeviceReads};
  for (uint16_t i = 0; i < segment_count; ++i) {
    segments[i + 1] = (struct Segment){request->segments[i], request->segment_bytes[i],
                                       write ? kDeviceReads : kDeviceWrites};
  }
  void* status = (void*)(uintptr_t)&request->status;
  segments[segment_count + 1] = (struct Segment){status, 1, kDeviceWrites};
  QueueSetSlot(&queue, slot, segments, (uint16_t)(segment_count + 2));
}

static void MarkBlocks(struct Request* request) {
  uint64_t block = request->first_block;
  for (uint16_t i = 0; i < segment_count; ++i) {
    for (uint32_t at = 0; at < request->segment_bytes[i]; at += kBlockBytes) {
      uint64_t* words = (uint64_t*)(request->segments[i] + at);
      words[0] = block++;
      words[1] = seed;
    }
  }
}

static void CheckBlocks(const struct Request* request, bool with_seed) {
  uint64_t block = request->first_block;
  for (uint16_t i = 0; i < segment_count; ++i) {
    for (uint32_t at = 0; at < request->segment_bytes[i]; at += kBlockBytes, ++block) {
      const volatile uint64_t* words = (const volatile uint64_t*)(request->segments[i] + at);
      error_count += words[0] != block || (with_seed && words[1] != seed);
    }
  }
}

static void StartRequest(uint16_t slot, bool write) {
  struct Request* request = &requests[slot];
  request->first_block = NextBlock();
  request->header.sector = request->first_block * (kBlockBytes / kSectorBytes);
  request->status = kStatusUnset;
  if (write) {
    MarkBlocks(request);
    last_block = request->first_block;
  }
  request->start_ticks = Ticks();
  QueueSubmit(&queue, slot);
}

static void FinishRequest(const struct Request* request, bool write, uint32_t written_bytes) {
  ++operation_count;
  error_count += request->status != 0;
  // The device counts what it wrote: the data of a read, and the status.
  error_count += written_bytes != (write ? 1 : size_bytes + 1);
}

// Keeps `depth` requests in flight until the time is over or `limit` operations were started; the
// time to the last completion.
static uint64_t Operate(uint64_t duration_ticks, uint64_t limit, bool write, bool with_seed) {
  const uint64_t start = Ticks();
  uint64_t now = start;
  uint64_t started = 0;
  for (; started < depth && started < limit; ++started) {
    StartRequest((uint16_t)started, write);
  }
  QueuePublish(&queue);
  for (uint64_t in_flight = started; in_flight > 0;) {
    uint16_t slot;
    uint32_t written_bytes;
    while (QueuePoll(&queue, &slot, &written_bytes)) {
      now = Ticks();
      LatencyAdd(&latency, now - requests[slot].start_ticks);
      FinishRequest(&requests[slot], write, written_bytes);
      if (!write) {
        CheckBlocks(&requests[slot], with_seed);
      }
      if (now - start < duration_ticks && started < limit) {
        StartRequest(slot, write);
        ++started;
      } else {
        --in_flight;
      }
    }
    QueuePublish(&queue);
  }
  return now - start;
}

static void ReadOptions(void) {
  writing = OptionIs("op", "write");
  sequential = OptionIs("pattern", "sequential");
  size_bytes = (uint32_t)OptionNumber("size", kBlockBytes);
  segment_count = (uint16_t)OptionNumber("segments", 1);
  depth = (uint16_t)OptionNumber("depth", 1);
  seed = OptionNumber("seed", 1);
  if (size_bytes == 0 || size_bytes % kBlockBytes != 0 || segment_count == 0 || depth == 0 ||
      depth > kMaxDepth || seed == 0) {
    Fail("bad options of the block workload");
  }
}

static void SetUp(void) {
  if (!VirtioOpen(&device, kVirtioBlock,
                  VIRTIO_VERSION_1 | VIRTIO_EVENT_IDX | VIRTIO_INDIRECT_DESC | BLOCK_SIZE_MAX |
                      BLOCK_SEG_MAX | BLOCK_FLUSH)) {
    Fail("no block device");
  }
  const uint64_t max_segments = (device.features & BLOCK_SEG_MAX) != 0
                                    ? ReadRegister(&device, kConfiguration + kSegMaxField)
                                    : 1;
  segment_count = (uint16_t)(segment_count < max_segments ? segment_count : max_segments);
  segment_count = segment_count < kMaxSegments ? segment_count : kMaxSegments;
  const uint64_t capacity = ReadRegister(&device, kConfiguration + kCapacityField) |
                            (uint64_t)ReadRegister(&device, kConfiguration + kCapacityField + 4)
                                << 32;
  request_places = capacity * kSectorBytes / size_bytes;
  if (request_places == 0) {
    Fail("a disk smaller than one request");
  }
  LatencyInit(&latency, kMaxSamples);
  requests = Allocate(sizeof(struct Request) * depth);
  QueueInit(&queue, &device, 0, (uint16_t)(segment_count + 2));
  if (queue.slot_count < depth) {
    Fail("a queue too small for the depth");
  }
  for (uint16_t slot = 0; slot < depth; ++slot) {
    PlaceSegments(&requests[slot]);
    if ((device.features & BLOCK_SIZE_MAX) != 0 &&
        requests[slot].segment_bytes[segment_count - 1] >
            ReadRegister(&device, kConfiguration + kSizeMaxField)) {
      Fail("the device takes no segments of this size");
    }
    SetDirection(slot, writing);
  }
  VirtioStart(&device);
}

// Reads back what the measured writes started with.
static void ReadBack(uint64_t write_count) {
  for (uint16_t slot = 0; slot < depth; ++slot) {
    SetDirection(slot, false);
  }
  RewindPlaces();
  (void)Operate(~0ull, write_count < kMaxReadBack ? write_count : kMaxReadBack, false, true);
}

void RunBlock(void) {
  ReadOptions();
  SetUp();
  random_state = ~seed;
  (void)Operate(OptionNumber("warmup", 0), ~0ull, writing, false);

  RewindPlaces();
  operation_count = 0;
  latency.count = 0;
  queue.notify_count = 0;
  MeetHost("BEGIN\n");
  const uint64_t ticks = Operate(OptionNumber("ticks", 0), ~0ull, writing, false);
  MeetHost("END\n");

  const uint64_t measured_count = operation_count;
  const uint64_t notify_count = queue.notify_count;
  LatencySort(&latency);
  const uint64_t median_ticks = LatencyPercentile(&latency, 50);
  const uint64_t p99_ticks = LatencyPercentile(&latency, 99);
  if (writing) {
    ReadBack(measured_count);
  }
  Print("RESULT");
  PrintNumber("operations", measured_count);
  PrintNumber("bytes", measured_count * size_bytes);
  PrintNumber("ticks", ticks);
  PrintNumber("median_ticks", median_ticks);
  PrintNumber("p99_ticks", p99_ticks);
  PrintNumber("notifications", notify_count);
  PrintNumber("errors", error_count);
  PrintNumber("segments", segment_count);
  PrintNumber("queue_size", queue.size);
  PrintNumber("features", device.features);
  PrintNumber("last_block", last_block);
  Print("\n");
}
