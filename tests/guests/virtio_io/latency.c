// Sorts latency samples.

#include "tests/guests/virtio_io/latency.h"

#include "tests/guests/virtio_io/machine.h"

void LatencyInit(struct Latency* latency, uint32_t capacity) {
  latency->samples = Allocate(capacity * sizeof(uint64_t));
  latency->count = 0;
  latency->capacity = capacity;
}

void LatencyAdd(struct Latency* latency, uint64_t ticks) {
  if (latency->count < latency->capacity) {
    latency->samples[latency->count++] = ticks;
  }
}

// Shell sort: short, in place, and fast enough for the tens of thousands of samples of a run.
void LatencySort(struct Latency* latency) {
  uint64_t* samples = latency->samples;
  for (uint32_t gap = latency->count / 2; gap > 0; gap /= 2) {
    for (uint32_t i = gap; i < latency->count; ++i) {
      const uint64_t sample = samples[i];
      uint32_t at = i;
      for (; at >= gap && samples[at - gap] > sample; at -= gap) {
        samples[at] = samples[at - gap];
      }
      samples[at] = sample;
    }
  }
}

uint64_t LatencyPercentile(const struct Latency* latency, uint32_t percent) {
  if (latency->count == 0) {
    return 0;
  }
  return latency->samples[(uint64_t)(latency->count - 1) * percent / 100];
}
