// Register dumps: everything a person needs is in the text.

#include "vmm/register_dump.h"

#include <array>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

using testing::HasSubstr;

TEST(RegisterDumpTest, ShowsRegistersByName) {
  kvm_regs regs = {};
  regs.rip = 0xffffffff81000123;
  regs.r15 = 0x15;
  kvm_sregs sregs = {};
  sregs.cr2 = 0xdead;
  sregs.cs.selector = 0x10;
  sregs.idt = {.base = 0xfffffe0000000000, .limit = 0xfff};
  const std::string text = FormatRegisters(regs, sregs);
  EXPECT_THAT(text, HasSubstr("rip ffffffff81000123"));
  EXPECT_THAT(text, HasSubstr("r15 0000000000000015"));
  EXPECT_THAT(text, HasSubstr("cr2 000000000000dead"));
  EXPECT_THAT(text, HasSubstr("cs  0010"));
  EXPECT_THAT(text, HasSubstr("idt base fffffe0000000000 limit 0fff"));
}

TEST(RegisterDumpTest, ShowsInstructionBytesInHex) {
  EXPECT_EQ(FormatInstruction(std::array<uint8_t, 3>{0x0f, 0x0b, 0xcc}), "0f 0b cc");
  EXPECT_EQ(FormatInstruction({}), "(none)");
}

}  // namespace
}  // namespace mayfly
