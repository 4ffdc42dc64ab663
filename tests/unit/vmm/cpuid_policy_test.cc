// CPUID policy, over tables that KVM gave on an Intel and on an AMD host (cpuid_tables.h).

#include "vmm/cpuid_policy.h"

#include <cstring>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/vmm/cpuid_tables.h"

namespace mayfly {
namespace {

using Entry = kvm_cpuid_entry2;
using Table = std::vector<Entry>;

Table IntelHostTable() { return {kIntelHostTable.begin(), kIntelHostTable.end()}; }
Table AmdHostTable() { return {kAmdHostTable.begin(), kAmdHostTable.end()}; }

// Fails the test and gives zeros when there is no such leaf.
Entry Leaf(const Table& table, uint32_t function, uint32_t index = 0) {
  for (const Entry& entry : table) {
    if (entry.function == function && entry.index == index) {
      return entry;
    }
  }
  ADD_FAILURE() << "no leaf " << std::hex << function << "." << index;
  return {};
}

uint32_t Bits(uint32_t value, uint32_t low, uint32_t width) {
  return value >> low & ((1u << width) - 1);
}

Table Normalized(Table table, const CpuidConfig& config) {
  const absl::Status status = NormalizeCpuid(config, table);
  EXPECT_TRUE(status.ok()) << status;
  return table;
}

std::string Brand(const Table& table) {
  std::string text;
  for (uint32_t i = 0; i < 3; ++i) {
    const Entry entry = Leaf(table, 0x80000002 + i);
    for (const uint32_t word : {entry.eax, entry.ebx, entry.ecx, entry.edx}) {
      text.append(reinterpret_cast<const char*>(&word), sizeof(word));
    }
  }
  return text.substr(0, text.find('\0'));
}

// Leaf 0x15 as Linux reads it, in its 32-bit arithmetic.
uint32_t LinuxTscKhz(const Table& table) {
  const Entry leaf = Leaf(table, 0x15);
  return leaf.eax == 0 ? 0 : leaf.ecx / 1000 * leaf.ebx / leaf.eax;
}

class AnyVendorTest : public ::testing::TestWithParam<Table> {};

INSTANTIATE_TEST_SUITE_P(Hosts, AnyVendorTest, ::testing::Values(IntelHostTable(), AmdHostTable()),
                         [](const auto& host) { return host.index == 0 ? "Intel" : "Amd"; });

TEST_P(AnyVendorTest, Leaf1DescribesOneGuestPackage) {
  const Entry one = Leaf(Normalized(GetParam(), {.vcpu_count = 1}), 1);
  EXPECT_EQ(Bits(one.ebx, 8, 8), 8u);   // CLFLUSH
  EXPECT_EQ(Bits(one.ebx, 16, 8), 1u);  // addressable ids
  EXPECT_EQ(Bits(one.ebx, 24, 8), 0u);  // APIC id
  EXPECT_EQ(Bits(one.edx, 28, 1), 0u);  // HTT
  const Entry three = Leaf(Normalized(GetParam(), {.vcpu_count = 3}), 1);
  EXPECT_EQ(Bits(three.ebx, 16, 8), 4u);
  EXPECT_EQ(Bits(three.edx, 28, 1), 1u);
}

TEST_P(AnyVendorTest, HidesNestedVirtualizationAndPerformanceCounters) {
  Table table = GetParam();
  for (Entry& entry : table) {
    if (entry.function == 1) {
      entry.ecx |= 1u << 5 | 1u << 15;  // VMX, PDCM
      entry.ecx &= ~(1u << 31 | 1u << 24);
    }
    if (entry.function == 0x80000001) {
      entry.ecx |= 1u << 2;  // SVM
    }
    if (entry.function == 0xa || entry.function == 0x8000000a) {
      entry.eax = entry.ebx = entry.ecx = entry.edx = 0x12345678;
    }
  }
  table = Normalized(table, {});
  const Entry features = Leaf(table, 1);
  EXPECT_EQ(features.ecx & (1u << 5 | 1u << 15), 0u);
  EXPECT_EQ(Bits(features.ecx, 31, 1), 1u);  // hypervisor
  EXPECT_EQ(Bits(features.ecx, 24, 1), 1u);  // TSC deadline
  EXPECT_EQ(Bits(Leaf(table, 0x80000001).ecx, 2, 1), 0u);
  for (const Entry& entry : table) {
    if (entry.function == 0xa || entry.function == 0x8000000a) {
      EXPECT_EQ(entry.eax | entry.ebx | entry.ecx | entry.edx, 0u) << std::hex << entry.function;
    }
  }
}

TEST_P(AnyVendorTest, ExtendedTopologyHasThreadsCoresAndAnEnd) {
  const Table table = Normalized(GetParam(), {.vcpu_count = 4, .smt = true});
  const Entry threads = Leaf(table, 0xb, 0);
  EXPECT_EQ(threads.eax, 1u);
  EXPECT_EQ(threads.ebx, 2u);
  EXPECT_EQ(threads.ecx, 0x100u);
  const Entry cores = Leaf(table, 0xb, 1);
  EXPECT_EQ(cores.eax, 5u);
  EXPECT_EQ(cores.ebx, 4u);
  EXPECT_EQ(cores.ecx, 0x201u);
  const Entry end = Leaf(table, 0xb, 2);
  EXPECT_EQ(end.eax | end.ebx, 0u);
  EXPECT_EQ(end.ecx, 2u);
  for (const Entry& entry : table) {
    if (entry.function == 0xb) {
      EXPECT_EQ(entry.flags, static_cast<uint32_t>(KVM_CPUID_FLAG_SIGNIFCANT_INDEX));
    }
  }
  const Entry single = Leaf(Normalized(GetParam(), {.vcpu_count = 4}), 0xb, 0);
  EXPECT_EQ(single.eax, 0u);
  EXPECT_EQ(single.ebx, 1u);
}

TEST_P(AnyVendorTest, EveryVcpuGetsItsApicIdEverywhere) {
  Table table = Normalized(GetParam(), {.vcpu_count = 4});
  SetCpuidApicId(3, table);
  EXPECT_EQ(Bits(Leaf(table, 1).ebx, 24, 8), 3u);
  EXPECT_EQ(Bits(Leaf(table, 1).ebx, 16, 8), 4u);
  for (uint32_t index = 0; index < 3; ++index) {
    EXPECT_EQ(Leaf(table, 0xb, index).edx, 3u);
  }
  SetCpuidApicId(0, table);
  EXPECT_EQ(Bits(Leaf(table, 1).ebx, 24, 8), 0u);
  EXPECT_EQ(Leaf(table, 0xb, 1).edx, 0u);
}

TEST_P(AnyVendorTest, LeavesKvmsOwnLeavesAlone) {
  const Table table = Normalized(GetParam(), {.vcpu_count = 2, .tsc_khz = 2600000});
  for (const uint32_t function : {0x0u, 0x40000000u, 0x40000001u, 0xdu}) {
    const Entry before = Leaf(GetParam(), function);
    const Entry after = Leaf(table, function);
    EXPECT_EQ(std::memcmp(&before, &after, sizeof(before)), 0) << std::hex << function;
  }
}

// KVM_SET_CPUID2 takes the first of two entries for one subleaf.
TEST_P(AnyVendorTest, HasNoSubleafTwice) {
  const Table table = Normalized(GetParam(), {.vcpu_count = 2});
  for (size_t i = 0; i < table.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      EXPECT_FALSE(table[i].function == table[j].function && table[i].index == table[j].index)
          << std::hex << table[i].function << "." << table[i].index;
    }
  }
}

TEST_P(AnyVendorTest, NormalizingTwiceChangesNothing) {
  const CpuidConfig config = {.vcpu_count = 2, .tsc_khz = 2600000};
  const Table once = Normalized(GetParam(), config);
  const Table twice = Normalized(once, config);
  for (const Entry& entry : once) {
    const Entry again = Leaf(twice, entry.function, entry.index);
    EXPECT_EQ(std::memcmp(&entry, &again, sizeof(entry)), 0) << std::hex << entry.function;
  }
  EXPECT_EQ(once.size(), twice.size());
}

TEST_P(AnyVendorTest, RefusesImpossibleCountsAndTables) {
  Table table = GetParam();
  EXPECT_EQ(NormalizeCpuid({.vcpu_count = 0}, table).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(NormalizeCpuid({.vcpu_count = 33}, table).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(NormalizeCpuid({.vcpu_count = 32}, table).ok());
  Table empty;
  EXPECT_EQ(NormalizeCpuid({}, empty).code(), absl::StatusCode::kInvalidArgument);
}

TEST(IntelCpuidTest, CachesAreSharedByCoreOrByAll) {
  const Table table = Normalized(IntelHostTable(), {.vcpu_count = 6, .smt = true});
  for (uint32_t index = 0; index < 4; ++index) {
    const Entry cache = Leaf(table, 4, index);
    EXPECT_EQ(Bits(cache.eax, 14, 12), index < 3 ? 1u : 7u) << index;
    EXPECT_EQ(Bits(cache.eax, 26, 6), 3u) << index;  // three cores, rounded up, less one
    const Entry host = Leaf(IntelHostTable(), 4, index);
    EXPECT_EQ(Bits(cache.eax, 0, 14), Bits(host.eax, 0, 14));
    EXPECT_EQ(cache.ebx, host.ebx);
    EXPECT_EQ(cache.ecx, host.ecx);
  }
  EXPECT_EQ(Leaf(table, 4, 4).eax, 0u);
}

TEST(IntelCpuidTest, CopiesTheTopologyToLeaf1f) {
  Table table = Normalized(IntelHostTable(), {.vcpu_count = 2});
  SetCpuidApicId(1, table);
  for (uint32_t index = 0; index < 3; ++index) {
    const Entry first = Leaf(table, 0xb, index);
    const Entry second = Leaf(table, 0x1f, index);
    EXPECT_EQ(std::memcmp(&first.index, &second.index, sizeof(first) - sizeof(first.function)), 0);
  }
}

TEST(IntelCpuidTest, AdjustsPowerAndStructuredFeatures) {
  Table table = IntelHostTable();
  for (Entry& entry : table) {
    if (entry.function == 6) {
      entry.eax |= 1u << 1;
      entry.ecx |= 1u << 3;
    }
    if (entry.function == 7 && entry.index == 0) {
      entry.ebx &= ~(1u << 6 | 1u << 13);
      entry.ecx |= 1u << 5;
    }
  }
  table = Normalized(table, {});
  EXPECT_EQ(Bits(Leaf(table, 6).eax, 1, 1), 0u);
  EXPECT_EQ(Bits(Leaf(table, 6).eax, 2, 1), 1u);  // ARAT stays
  EXPECT_EQ(Bits(Leaf(table, 6).ecx, 3, 1), 0u);
  EXPECT_EQ(Bits(Leaf(table, 7).ebx, 6, 1), 1u);
  EXPECT_EQ(Bits(Leaf(table, 7).ebx, 13, 1), 1u);
  EXPECT_EQ(Bits(Leaf(table, 7).ecx, 5, 1), 0u);
}

TEST(IntelCpuidTest, BrandCarriesTheFrequencyWhereItIsKnown) {
  EXPECT_EQ(Brand(Normalized(IntelHostTable(), {})), "Intel(R) Xeon(R) Processor");
  EXPECT_EQ(Brand(Normalized(IntelHostTable(), {.tsc_khz = 2599998})),
            "Intel(R) Xeon(R) Processor @ 2.60GHz");
  EXPECT_EQ(Brand(Normalized(IntelHostTable(), {.tsc_khz = 3049000})),
            "Intel(R) Xeon(R) Processor @ 3.05GHz");
}

TEST(IntelCpuidTest, FrequencyLeavesGiveTheTscToLinux) {
  for (const uint32_t tsc_khz : {2600000u, 2599998u, 2400000u, 3693000u, 800000u, 4294000u}) {
    const Table table = Normalized(IntelHostTable(), {.tsc_khz = tsc_khz});
    EXPECT_NEAR(LinuxTscKhz(table), tsc_khz, tsc_khz / 1e6 + 1) << tsc_khz;
    EXPECT_EQ(Leaf(table, 0x15).ecx, 1000000000u);
    EXPECT_EQ(Leaf(table, 0x16).eax, (tsc_khz + 500) / 1000);
  }
}

// 2000300 kHz has no ratio that Linux could compute with.
TEST(IntelCpuidTest, FrequencyLeavesStayAsTheyAreRatherThanWrong) {
  const Table table = Normalized(IntelHostTable(), {.tsc_khz = 2000300});
  EXPECT_EQ(Leaf(table, 0x15).ecx, 0u);
  EXPECT_EQ(Leaf(table, 0x16).eax, 0u);
  EXPECT_EQ(Leaf(Normalized(IntelHostTable(), {}), 0x15).ecx, 0u);
}

TEST(AmdCpuidTest, CountsCoresAndSharesCaches) {
  const Table table = Normalized(AmdHostTable(), {.vcpu_count = 4});
  EXPECT_EQ(Bits(Leaf(table, 0x80000008).ecx, 0, 8), 3u);
  EXPECT_EQ(Bits(Leaf(table, 0x80000008).ecx, 12, 4), 5u);
  for (uint32_t index = 0; index < 4; ++index) {
    const Entry cache = Leaf(table, 0x8000001d, index);
    EXPECT_EQ(Bits(cache.eax, 14, 12), index < 3 ? 0u : 3u) << index;
    EXPECT_EQ(cache.ecx, Leaf(AmdHostTable(), 0x8000001d, index).ecx);
  }
}

TEST(AmdCpuidTest, TopologyExtensionsNameCoreAndThreads) {
  Table table = Normalized(AmdHostTable(), {.vcpu_count = 4, .smt = true});
  EXPECT_EQ(Bits(Leaf(table, 0x80000001).ecx, 22, 1), 1u);
  SetCpuidApicId(3, table);
  const Entry topology = Leaf(table, 0x8000001e);
  EXPECT_EQ(topology.eax, 3u);
  EXPECT_EQ(Bits(topology.ebx, 0, 8), 1u);  // core
  EXPECT_EQ(Bits(topology.ebx, 8, 8), 1u);  // threads less one
  EXPECT_EQ(topology.ecx, 0u);
  table = Normalized(AmdHostTable(), {.vcpu_count = 4});
  SetCpuidApicId(3, table);
  EXPECT_EQ(Leaf(table, 0x8000001e).ebx, 3u);
}

TEST(AmdCpuidTest, HidesTheArchCapabilitiesMsr) {
  Table table = AmdHostTable();
  for (Entry& entry : table) {
    if (entry.function == 7) {
      entry.edx |= 1u << 29;
    }
  }
  EXPECT_EQ(Bits(Leaf(Normalized(table, {}), 7).edx, 29, 1), 0u);
}

TEST(AmdCpuidTest, BrandIsFixed) {
  EXPECT_EQ(Brand(Normalized(AmdHostTable(), {.tsc_khz = 2600000})), "AMD EPYC");
}

TEST(OtherVendorCpuidTest, GetsTheCommonPartOnly) {
  Table table = IntelHostTable();
  for (Entry& entry : table) {
    if (entry.function == 0) {
      entry.ebx = entry.ecx = entry.edx = 0x41414141;
    }
  }
  const Table before = table;
  table = Normalized(table, {.vcpu_count = 2, .tsc_khz = 2600000});
  EXPECT_EQ(Bits(Leaf(table, 1).ecx, 31, 1), 1u);
  EXPECT_EQ(Leaf(table, 0xb, 1).ebx, 2u);
  EXPECT_EQ(Leaf(table, 7).ebx, Leaf(before, 7).ebx);
  EXPECT_EQ(Leaf(table, 0x15).ecx, 0u);
  EXPECT_EQ(Brand(table), Brand(before));
}

}  // namespace
}  // namespace mayfly
