// CpuTemplate: its texts, and what it does to a CPUID table.

#include "vmm/cpu_template.h"

#include <cstdint>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(CpuTemplateTest, NumbersHaveAPrefix) {
  EXPECT_EQ(*ParseTemplateNumber("0x1f"), 0x1fu);
  EXPECT_EQ(*ParseTemplateNumber("0x0"), 0u);
  EXPECT_EQ(*ParseTemplateNumber("0xffffffff"), 0xffffffffu);
  EXPECT_EQ(*ParseTemplateNumber("0b101"), 5u);
  EXPECT_EQ(*ParseTemplateNumber("0b" + std::string(32, '1')), 0xffffffffu);
  for (const std::string text : {"", "1", "31", "0x", "0b", "0x100000000", "0x-1", "0x 1", "0xg",
                                 "0b2", "-0x1", "0X1", "x1"}) {
    EXPECT_EQ(ParseTemplateNumber(text).status().code(), absl::StatusCode::kInvalidArgument)
        << text;
  }
  EXPECT_FALSE(ParseTemplateNumber("0b" + std::string(33, '1')).ok());
}

TEST(CpuTemplateTest, BitmapsChangeTheBitsThatTheyName) {
  EXPECT_EQ(ParseBitmap("0b1", 32)->Apply(0), 1u);
  EXPECT_EQ(ParseBitmap("10x", 32)->Apply(0b011), 0b101u);
  EXPECT_EQ(ParseBitmap("0b1_0_x", 32)->Apply(0b1010), 0b1100u);
  EXPECT_EQ(ParseBitmap(std::string(64, '1'), 64)->Apply(0), UINT64_MAX);
  EXPECT_EQ(ParseBitmap(std::string(64, 'x'), 64)->Apply(42), 42u);
  EXPECT_FALSE(ParseBitmap(std::string(33, 'x'), 32).ok());
  EXPECT_FALSE(ParseBitmap(std::string(65, 'x'), 64).ok());
  for (const std::string text : {"", "0b", "_", "0b12", "X", "1 0"}) {
    EXPECT_FALSE(ParseBitmap(text, 32).ok()) << text;
  }
}

TEST(CpuTemplateTest, RegistersAndCapabilitiesHaveNames) {
  EXPECT_EQ(*ParseCpuidRegister("eax"), CpuidRegister::kEax);
  EXPECT_EQ(*ParseCpuidRegister("edx"), CpuidRegister::kEdx);
  EXPECT_FALSE(ParseCpuidRegister("EAX").ok());
  EXPECT_FALSE(ParseCpuidRegister("rax").ok());
  EXPECT_EQ(ParseCapabilityModifier("121")->number, 121u);
  EXPECT_TRUE(ParseCapabilityModifier("121")->is_required);
  EXPECT_FALSE(ParseCapabilityModifier("!7")->is_required);
  for (const std::string text : {"", "!", "-1", "0x1", "1!", " 1", "99999999999"}) {
    EXPECT_FALSE(ParseCapabilityModifier(text).ok()) << text;
  }
}

TEST(CpuTemplateTest, ChangesTheLeafThatItNames) {
  std::vector<kvm_cpuid_entry2> table = {
      {.function = 7, .index = 0, .flags = 1, .eax = 0xf0, .ebx = 1, .ecx = 2, .edx = 3},
      {.function = 7, .index = 1, .flags = 1, .eax = 0xf0},
  };
  const CpuTemplate cpu_template = {
      .cpuid = {{.leaf = 7,
                 .subleaf = 1,
                 .flags = 1,
                 .registers = {{CpuidRegister::kEax, {.mask = 0x30, .value = 0x10}},
                               {CpuidRegister::kEdx, {.mask = 0xf, .value = 0x5}}}}}};
  ASSERT_TRUE(ApplyCpuidModifiers(cpu_template, table).ok());
  EXPECT_EQ(table[0].eax, 0xf0u);
  EXPECT_EQ(table[1].eax, 0xd0u);
  EXPECT_EQ(table[1].edx, 5u);
}

TEST(CpuTemplateTest, LeafThatKvmHasNotIsAnError) {
  std::vector<kvm_cpuid_entry2> table = {{.function = 1}};
  const CpuTemplate cpu_template = {.cpuid = {{.leaf = 0x40, .subleaf = 2}}};
  EXPECT_EQ(ApplyCpuidModifiers(cpu_template, table).message(),
            "Template changes a CPUID entry not supported by KVM: Leaf: 40, Subleaf: 2");
}

}  // namespace
}  // namespace mayfly
