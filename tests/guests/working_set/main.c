// The guest whose working set is measured: fills 32 MiB, prints "R", and for each byte that arrives
// touches them again, reading all pages and writing every other one, and prints "E".
//
// Its pages lie in groups of four with twice as much unused between them, from 16 to 112 MiB, and
// are touched group by group in a fixed order that jumps about.

#include "tests/guests/virtio_io/machine.h"

// Called by boot.S.
__attribute__((noreturn)) void Main(uint32_t start_info_address);

static const uintptr_t kFirst = 0x1000000;
static const unsigned kGroups = 2048;
static const unsigned kGroupPages = 4;
static const unsigned kStridePages = 12;
// Odd, so that its multiples modulo the number of groups are each group once.
static const unsigned kJump = 1229;

static volatile uint64_t* PageAt(unsigned group, unsigned index) {
  return (volatile uint64_t*)(kFirst + (uintptr_t)(group * kStridePages + index) * PAGE_BYTES);
}

static void Fill(void) {
  for (unsigned group = 0; group < kGroups; ++group) {
    for (unsigned index = 0; index < kGroupPages; ++index) {
      *PageAt(group, index) = group + 1;
    }
  }
}

static void Touch(void) {
  for (unsigned i = 0; i < kGroups; ++i) {
    const unsigned group = i * kJump % kGroups;
    for (unsigned index = 0; index < kGroupPages; ++index) {
      volatile uint64_t* page = PageAt(group, index);
      const uint64_t value = *page;
      if (value == 0) {
        Fail("a page is empty");
      }
      if (index % 2 == 0) {
        *page = value + 1;
      }
    }
  }
}

void Main(uint32_t start_info_address) {
  MachineInit(start_info_address);
  Fill();
  for (const char* line = "R";; line = "E") {
    MeetHost(line);
    Touch();
  }
}
