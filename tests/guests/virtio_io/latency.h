// Latency samples of a run and their percentiles.

#ifndef MAYFLY_TESTS_GUESTS_VIRTIO_IO_LATENCY_H_
#define MAYFLY_TESTS_GUESTS_VIRTIO_IO_LATENCY_H_

#include <stdint.h>

struct Latency {
  uint64_t* samples;  // ticks
  uint32_t count;
  uint32_t capacity;
};

// Makes room for `capacity` samples.
void LatencyInit(struct Latency* latency, uint32_t capacity);

// Adds a sample; those past the capacity are dropped.
void LatencyAdd(struct Latency* latency, uint64_t ticks);

// Sorts the samples. Call once, when all are there.
void LatencySort(struct Latency* latency);

// The sample that `percent` of the others are below; 0 without samples. Call after LatencySort.
uint64_t LatencyPercentile(const struct Latency* latency, uint32_t percent);

#endif  // MAYFLY_TESTS_GUESTS_VIRTIO_IO_LATENCY_H_
