// ACPI tables: the chain from the RSDP, checksums, fields at the specification's offsets.

#include "vmm/acpi_tables.h"

#include <array>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/iasl.h"
#include "vmm/guest_layout.h"
#include "vmm/guest_ram.h"

namespace mayfly {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

// The devices of the largest machine.
std::vector<VirtioMmioResource> AllDevices() {
  std::vector<VirtioMmioResource> devices;
  for (uint32_t gsi = layout::kFirstVirtioGsi; gsi <= layout::kLastVirtioGsi; ++gsi) {
    devices.push_back({GuestAddress(layout::kVirtioMmio.value() + devices.size() * 0x1000), gsi});
  }
  return devices;
}

class AcpiTablesTest : public ::testing::Test {
 protected:
  using Bytes = std::vector<uint8_t>;

  void SetUp() override {
    auto ram = CreateGuestRam({.size_bytes = uint64_t{1} << 20});
    ASSERT_TRUE(ram.ok()) << ram.status();
    memory = std::move(*ram);
  }

  void Write(const AcpiConfig& config) {
    const auto rsdp = WriteAcpiTables(config, memory, area);
    ASSERT_TRUE(rsdp.ok()) << rsdp.status();
    EXPECT_EQ(*rsdp, layout::kRsdp);
  }

  std::string Refusal(const AcpiConfig& config) {
    const auto rsdp = WriteAcpiTables(config, memory, area);
    EXPECT_EQ(rsdp.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(rsdp.status().message());
  }

  Bytes Read(uint64_t address, size_t size_bytes) {
    Bytes bytes(size_bytes);
    EXPECT_TRUE(memory.Read(GuestAddress(address), bytes).ok());
    return bytes;
  }

  template <typename T>
  static T Field(const Bytes& bytes, size_t offset) {
    T value{};
    if (offset + sizeof(value) > bytes.size()) {
      ADD_FAILURE() << "no field at " << offset;
      return value;
    }
    std::memcpy(&value, bytes.data() + offset, sizeof(value));
    return value;
  }

  static uint8_t Sum(const Bytes& bytes) {
    return static_cast<uint8_t>(std::accumulate(bytes.begin(), bytes.end(), 0u));
  }

  // The table at `address`, after checking its header.
  Bytes Table(uint64_t address, const char* signature, uint8_t revision) {
    EXPECT_GE(address, layout::kSystemTables.value());
    EXPECT_EQ(address % 16, 0u);
    const Bytes table = Read(address, Field<uint32_t>(Read(address, 36), 4));
    EXPECT_LE(address + table.size(), layout::kSystemTablesEnd.value());
    EXPECT_EQ(std::memcmp(table.data(), signature, 4), 0) << signature;
    EXPECT_EQ(table[8], revision);
    EXPECT_EQ(Sum(table), 0) << signature;
    EXPECT_EQ(std::memcmp(table.data() + 10, "MAYFLY", 6), 0);
    return table;
  }

  Bytes Xsdt() { return Table(Field<uint64_t>(Read(layout::kRsdp.value(), 36), 24), "XSDT", 1); }
  Bytes Fadt() { return Table(Field<uint64_t>(Xsdt(), 36), "FACP", 6); }
  Bytes Madt() { return Table(Field<uint64_t>(Xsdt(), 44), "APIC", 6); }
  Bytes Dsdt() { return Table(Field<uint64_t>(Fadt(), 140), "DSDT", 2); }

  GuestMemory memory;
  SystemTableArea area;
};

TEST_F(AcpiTablesTest, RsdpLeadsToTwoTables) {
  Write({});
  const Bytes rsdp = Read(layout::kRsdp.value(), 36);
  EXPECT_EQ(std::memcmp(rsdp.data(), "RSD PTR ", 8), 0);
  EXPECT_EQ(rsdp[15], 2);
  EXPECT_EQ(Field<uint32_t>(rsdp, 20), 36u);
  EXPECT_EQ(Sum(Bytes(rsdp.begin(), rsdp.begin() + 20)), 0);
  EXPECT_EQ(Sum(rsdp), 0);
  EXPECT_EQ(Xsdt().size(), 36u + 2 * 8);
}

TEST_F(AcpiTablesTest, FadtIsHardwareReducedWithResetAndSleepRegisters) {
  Write({});
  const Bytes fadt = Fadt();
  ASSERT_EQ(fadt.size(), 276u);
  EXPECT_EQ(Field<uint16_t>(fadt, 109), 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5);
  EXPECT_EQ(Field<uint32_t>(fadt, 112), 1u << 4 | 1u << 5 | 1u << 10 | 1u << 20);
  const Bytes reset = {1, 8, 0, 1, 0x64, 0, 0, 0, 0, 0, 0, 0, 0xfe};
  EXPECT_EQ(Bytes(fadt.begin() + 116, fadt.begin() + 129), reset);
  EXPECT_EQ(fadt[131], 5);                                      // minor version
  const Bytes sleep = {1, 8, 0, 1, 0x00, 6, 0, 0, 0, 0, 0, 0,   // control
                       1, 8, 0, 1, 0x01, 6, 0, 0, 0, 0, 0, 0};  // status
  EXPECT_EQ(Bytes(fadt.begin() + 244, fadt.begin() + 268), sleep);
  EXPECT_EQ(std::memcmp(fadt.data() + 268, "MAYFLY\0\0", 8), 0);
}

TEST_F(AcpiTablesTest, MadtListsEveryCpuTheIoApicAndTheNmiLine) {
  Write({.vcpu_count = 3});
  const Bytes madt = Madt();
  const Bytes expected = {0x00, 0x00, 0xe0, 0xfe, 0, 0, 0,    0,  // local APIC, flags
                          0,    8,    0,    0,    1, 0, 0,    0,  // CPU 0
                          0,    8,    1,    1,    1, 0, 0,    0,  // CPU 1
                          0,    8,    2,    2,    1, 0, 0,    0,  // CPU 2
                          1,    12,   0,    0,    0, 0, 0xc0, 0xfe, 0, 0, 0, 0,  // IOAPIC
                          4,    6,    0xff, 0,    0, 1};                         // NMI on LINT1
  EXPECT_THAT(Bytes(madt.begin() + 36, madt.end()), ElementsAreArray(expected));
}

TEST_F(AcpiTablesTest, FitsTheLargestMachine) {
  const std::vector<VirtioMmioResource> devices = AllDevices();
  Write({.vcpu_count = layout::kMaxVcpus, .virtio_devices = devices});
  EXPECT_EQ(Madt().size(), 44u + 32 * 8 + 12 + 6);
  const Bytes dsdt = Dsdt();
  EXPECT_THAT(std::string(dsdt.begin(), dsdt.end()), HasSubstr("V016"));
}

TEST_F(AcpiTablesTest, AcpicaMakesTheSameDsdtFromItsDisassembly) {
  const Iasl iasl;
  if (!iasl.IsInstalled()) {
    GTEST_SKIP() << "iasl is missing (package acpica-tools)";
  }
  const std::vector<VirtioMmioResource> devices = AllDevices();
  Write({.virtio_devices = devices});
  const Bytes dsdt = Dsdt();
  const std::string source = iasl.Disassemble(dsdt);
  for (const char* expected :
       {"Device (V000)",       "Device (V016)",        "0xC0011000",
        "\"LNRO0005\"",        "Device (COM1)",        "EisaId (\"PNP0501\")",
        "Device (PS2)",        "EisaId (\"PNP0303\")", "Name (\\_S5, Package (0x04)",
        "Device (VGEN)",       "\"VMGENCTR\"",         "0x000DFFF0",
        "Device (VCLK)",       "\"AMZNC10C\"",         "0x000DE000",
        "Device (GED)",        "\"ACPI0013\"",         "Method (_EVT, 1, NotSerialized)",
        "If ((Arg0 == 0x16))", "Notify (VGEN, 0x80)",  "If ((Arg0 == 0x17))",
        "Notify (VCLK, 0x80)"}) {
    EXPECT_THAT(source, HasSubstr(expected));
  }
  // The id that guests know VMGenID by is none of ACPI's, which end in hexadecimal digits.
  constexpr int kSuffixMustBeHex = 6035;
  // The header differs: it names the compiler.
  const Bytes again = iasl.CompileAgain(kSuffixMustBeHex);
  ASSERT_EQ(again.size(), dsdt.size());
  EXPECT_EQ(Bytes(again.begin() + 36, again.end()), Bytes(dsdt.begin() + 36, dsdt.end()));
}

TEST_F(AcpiTablesTest, AcpicaUnderstandsTheOtherTables) {
  const Iasl iasl;
  if (!iasl.IsInstalled()) {
    GTEST_SKIP() << "iasl is missing (package acpica-tools)";
  }
  Write({.vcpu_count = 2});
  const std::string fadt = iasl.Disassemble(Fadt());
  for (const char* expected : {"Hardware Reduced (V5) : 1", "Reset Register Supported (V2) : 1",
                               "8042 Present on ports 60/64 (V2) : 1",
                               "CMOS RTC Not Present (V5) : 1", "FADT Minor Revision : 05"}) {
    EXPECT_THAT(fadt, HasSubstr(expected));
  }
  EXPECT_THAT(iasl.Disassemble(Madt()), HasSubstr("[I/O APIC]"));
  EXPECT_THAT(iasl.Disassemble(Xsdt()), HasSubstr("ACPI Table Address   1"));
}

TEST_F(AcpiTablesTest, RefusesImpossibleConfigs) {
  EXPECT_THAT(Refusal({.vcpu_count = 0}), HasSubstr("0 vCPUs"));
  EXPECT_THAT(Refusal({.vcpu_count = 33}), HasSubstr("33 vCPUs"));
  std::array<VirtioMmioResource, 1> devices = {{{GuestAddress(0x1000), 5}}};
  EXPECT_THAT(Refusal({.virtio_devices = devices}), HasSubstr("outside the MMIO hole"));
  devices[0] = {GuestAddress(0xfffff001), 5};
  EXPECT_THAT(Refusal({.virtio_devices = devices}), HasSubstr("outside the MMIO hole"));
  devices[0] = {layout::kVirtioMmio, 4};
  EXPECT_THAT(Refusal({.virtio_devices = devices}), HasSubstr("GSI 4"));
  devices[0] = {layout::kVirtioMmio, 22};
  EXPECT_THAT(Refusal({.virtio_devices = devices}), HasSubstr("GSI 22"));
  const std::vector<VirtioMmioResource> many(18, {layout::kVirtioMmio, 5});
  EXPECT_THAT(Refusal({.virtio_devices = many}), HasSubstr("18 virtio devices"));
}

TEST_F(AcpiTablesTest, ReportsAFullAreaAndMissingMemory) {
  while (area.Allocate(1024, 1).ok()) {
  }
  EXPECT_EQ(WriteAcpiTables({}, memory, area).status().code(),
            absl::StatusCode::kResourceExhausted);
  auto small = CreateGuestRam({.size_bytes = 0xa0000});
  ASSERT_TRUE(small.ok()) << small.status();
  SystemTableArea empty_area;
  EXPECT_EQ(WriteAcpiTables({}, *small, empty_area).status().code(), absl::StatusCode::kOutOfRange);
}

}  // namespace
}  // namespace mayfly
