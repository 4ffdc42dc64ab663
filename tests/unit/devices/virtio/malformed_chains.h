// Malformed chains: what a hostile driver puts into a ring, for every queue of every device.

#ifndef MAYFLY_TESTS_UNIT_DEVICES_VIRTIO_MALFORMED_CHAINS_H_
#define MAYFLY_TESTS_UNIT_DEVICES_VIRTIO_MALFORMED_CHAINS_H_

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "base/guest_memory.h"
#include "devices/virtio/descriptor_chain.h"
#include "gtest/gtest.h"
#include "tests/fakes/chain_builder.h"
#include "tests/fakes/fake_queue.h"

namespace mayfly {

// What a malformed chain is made of.
struct MalformedChainParts {
  // Offers INDIRECT_DESC; nothing of it is in flight.
  FakeQueue& queue;
  const GuestMemory& memory;
  // A chain the device takes; each case breaks one thing in it.
  std::vector<VirtqDescriptor> valid;
  // 16 KiB of RAM that nobody else uses.
  uint64_t scratch = 0;
  // The first address behind the last region of RAM.
  uint64_t ram_end = 0;
};

// One way to break a rule of sections 2.7.4 to 2.7.6 so that the device cannot go on with the
// queue.
struct MalformedChain {
  const char* name;
  void (*make)(MalformedChainParts& parts);

  friend std::ostream& operator<<(std::ostream& out, const MalformedChain& chain) {
    return out << chain.name;
  }
};

inline std::string MalformedChainName(const testing::TestParamInfo<MalformedChain>& info) {
  return info.param.name;
}

namespace malformed {

using Parts = MalformedChainParts;

// A change to the first buffer of the valid chain.
template <typename Change>
void AddChanged(Parts& parts, Change change) {
  std::vector<VirtqDescriptor> chain = parts.valid;
  change(chain[0]);
  parts.queue.Add(chain);
}

inline void NextIsItself(Parts& parts) {
  const uint16_t head = parts.queue.Link({parts.valid[0]});
  VirtqDescriptor loop = parts.valid[0];
  loop.flags |= VirtqDescriptor::kNext;
  loop.guest_next = head;
  parts.queue.WriteDescriptor(head, loop);
  parts.queue.MakeAvailable(head);
}

inline void LoopOverTheWholeTable(Parts& parts) {
  for (uint16_t i = 0; i < parts.queue.size(); ++i) {
    VirtqDescriptor descriptor = parts.valid[0];
    descriptor.flags |= VirtqDescriptor::kNext;
    descriptor.guest_next = static_cast<uint16_t>((i + 1) % parts.queue.size());
    parts.queue.WriteDescriptor(i, descriptor);
  }
  parts.queue.MakeAvailable(3);
}

inline void LengthZero(Parts& parts) {
  AddChanged(parts, [](VirtqDescriptor& first) { first.guest_length = 0; });
}

inline void LengthFourGigabytes(Parts& parts) {
  AddChanged(parts, [](VirtqDescriptor& first) { first.guest_length = 0xffffffff; });
}

inline void OneByteBehindRam(Parts& parts) {
  AddChanged(parts, [&](VirtqDescriptor& first) {
    first.guest_address = parts.ram_end - first.guest_length + 1;
  });
}

inline void WhollyOutsideOfRam(Parts& parts) {
  AddChanged(parts,
             [&](VirtqDescriptor& first) { first.guest_address = parts.ram_end + 0x100000; });
}

// Addresses that a device decodes are no RAM, so no transfer can reach registers.
inline void InsideOfDeviceRegisters(Parts& parts) {
  AddChanged(parts, [](VirtqDescriptor& first) { first.guest_address = 0xc0001000; });
}

inline void AddressWraps(Parts& parts) {
  AddChanged(parts, [](VirtqDescriptor& first) {
    first.guest_address = ~uint64_t{0} - first.guest_length / 2;
  });
}

inline void HeadOutsideOfTable(Parts& parts) { parts.queue.MakeAvailable(parts.queue.size()); }

inline void NextOutsideOfTable(Parts& parts) {
  const uint16_t head = parts.queue.Link({parts.valid[0]});
  VirtqDescriptor descriptor = parts.valid[0];
  descriptor.flags |= VirtqDescriptor::kNext;
  descriptor.guest_next = parts.queue.size();
  parts.queue.WriteDescriptor(head, descriptor);
  parts.queue.MakeAvailable(head);
}

inline void ReadableBehindWritable(Parts& parts) {
  VirtqDescriptor writable = parts.valid.back();
  writable.flags |= VirtqDescriptor::kWrite;
  VirtqDescriptor readable = parts.valid[0];
  readable.flags &= static_cast<uint16_t>(~VirtqDescriptor::kWrite);
  parts.queue.Add({writable, readable});
}

inline void IndirectInIndirect(Parts& parts) {
  ChainBuilder inner;
  for (const VirtqDescriptor& descriptor : parts.valid) {
    inner.Raw(descriptor);
  }
  ChainBuilder outer;
  outer.Raw(inner.Indirect(parts.memory, parts.scratch)[0]);
  parts.queue.Add(outer.Indirect(parts.memory, parts.scratch + 0x1000));
}

inline void IndirectToItself(Parts& parts) {
  ChainBuilder table;
  table.Raw(ChainBuilder::IndirectTo(parts.scratch, sizeof(VirtqDescriptor)));
  parts.queue.Add(table.Indirect(parts.memory, parts.scratch));
}

inline void IndirectWithNext(Parts& parts) {
  ChainBuilder table;
  table.Raw(parts.valid[0]);
  parts.queue.Add({table.Indirect(parts.memory, parts.scratch)[0], parts.valid.back()});
}

inline void IndirectTableEmpty(Parts& parts) {
  parts.queue.Add({ChainBuilder::IndirectTo(parts.scratch, 0)});
}

inline void IndirectTableOfOddLength(Parts& parts) {
  ChainBuilder table;
  table.Raw(parts.valid[0]);
  VirtqDescriptor descriptor = table.Indirect(parts.memory, parts.scratch)[0];
  descriptor.guest_length = 17;
  parts.queue.Add({descriptor});
}

inline void IndirectTableOutsideOfRam(Parts& parts) {
  parts.queue.Add({ChainBuilder::IndirectTo(parts.ram_end - sizeof(VirtqDescriptor),
                                            2 * sizeof(VirtqDescriptor))});
}

inline void IndirectTableWraps(Parts& parts) {
  parts.queue.Add({ChainBuilder::IndirectTo(~uint64_t{0xf}, 2 * sizeof(VirtqDescriptor))});
}

inline void IndirectNextOutsideOfTable(Parts& parts) {
  ChainBuilder table;
  VirtqDescriptor descriptor = parts.valid[0];
  descriptor.flags |= VirtqDescriptor::kNext;
  descriptor.guest_next = 1;
  table.Raw(descriptor);
  parts.queue.Add(table.Indirect(parts.memory, parts.scratch));
}

inline void IndirectLoop(Parts& parts) {
  ChainBuilder table;
  VirtqDescriptor descriptor = parts.valid[0];
  descriptor.flags |= VirtqDescriptor::kNext;
  descriptor.guest_next = 0;
  table.Raw(descriptor);
  parts.queue.Add(table.Indirect(parts.memory, parts.scratch));
}

// 2.7.5.3.1: a chain has no more descriptors than the queue, wherever they are.
inline void IndirectChainLongerThanTheQueue(Parts& parts) {
  ChainBuilder table;
  for (uint32_t i = 0; i < parts.queue.size() + 1u; ++i) {
    table.Raw(parts.valid[0]);
  }
  parts.queue.Add(table.Indirect(parts.memory, parts.scratch));
}

inline void AvailIndexFartherThanTheQueue(Parts& parts) {
  parts.queue.MakeAvailable(parts.queue.Link(parts.valid));
  parts.queue.SetAvailIndex(static_cast<uint16_t>(parts.queue.avail_index() + parts.queue.size()));
}

inline void AvailIndexRunsBackwards(Parts& parts) {
  parts.queue.SetAvailIndex(static_cast<uint16_t>(parts.queue.avail_index() - 1));
}

}  // namespace malformed

// Those that break the queue as soon as the device looks at it.
inline std::vector<MalformedChain> MalformedChains() {
  return {
      {"NextIsItself", malformed::NextIsItself},
      {"LoopOverTheWholeTable", malformed::LoopOverTheWholeTable},
      {"Cve2016_6490_LengthZero", malformed::LengthZero},
      {"Cve2016_7422_LengthFourGigabytes", malformed::LengthFourGigabytes},
      {"Cve2019_18960_OneByteBehindRam", malformed::OneByteBehindRam},
      {"WhollyOutsideOfRam", malformed::WhollyOutsideOfRam},
      {"Cve2021_3750_InsideOfDeviceRegisters", malformed::InsideOfDeviceRegisters},
      {"Cve2023_41051_AddressWraps", malformed::AddressWraps},
      {"HeadOutsideOfTable", malformed::HeadOutsideOfTable},
      {"NextOutsideOfTable", malformed::NextOutsideOfTable},
      {"ReadableBehindWritable", malformed::ReadableBehindWritable},
      {"IndirectInIndirect", malformed::IndirectInIndirect},
      {"IndirectToItself", malformed::IndirectToItself},
      {"IndirectWithNext", malformed::IndirectWithNext},
      {"IndirectTableEmpty", malformed::IndirectTableEmpty},
      {"IndirectTableOfOddLength", malformed::IndirectTableOfOddLength},
      {"IndirectTableOutsideOfRam", malformed::IndirectTableOutsideOfRam},
      {"IndirectTableWraps", malformed::IndirectTableWraps},
      {"IndirectNextOutsideOfTable", malformed::IndirectNextOutsideOfTable},
      {"IndirectLoop", malformed::IndirectLoop},
      {"IndirectChainLongerThanTheQueue", malformed::IndirectChainLongerThanTheQueue},
      {"Cve2016_5403_AvailIndexFartherThanTheQueue", malformed::AvailIndexFartherThanTheQueue},
      {"AvailIndexRunsBackwards", malformed::AvailIndexRunsBackwards},
  };
}

}  // namespace mayfly

#endif  // MAYFLY_TESTS_UNIT_DEVICES_VIRTIO_MALFORMED_CHAINS_H_
