// AmlBuilder: encodings byte for byte.

#include "vmm/aml.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

std::vector<uint8_t> Integer(uint64_t value) {
  AmlBuilder aml;
  aml.Integer(value);
  return {aml.bytes().begin(), aml.bytes().end()};
}

TEST(AmlBuilderTest, IntegersTakeTheShortestForm) {
  EXPECT_THAT(Integer(0), ElementsAre(0x00));
  EXPECT_THAT(Integer(1), ElementsAre(0x01));
  EXPECT_THAT(Integer(2), ElementsAre(0x0a, 2));
  EXPECT_THAT(Integer(0xff), ElementsAre(0x0a, 0xff));
  EXPECT_THAT(Integer(0x100), ElementsAre(0x0b, 0x00, 0x01));
  EXPECT_THAT(Integer(0x10000), ElementsAre(0x0c, 0, 0, 1, 0));
  EXPECT_THAT(Integer(0x100000000), ElementsAre(0x0e, 0, 0, 0, 0, 1, 0, 0, 0));
}

TEST(AmlBuilderTest, NamesArePaddedAndPathsPrefixed) {
  AmlBuilder aml;
  aml.Name("\\_S5").Integer(0);
  EXPECT_THAT(aml.bytes(), ElementsAre(0x08, '\\', '_', 'S', '5', '_', 0));
  AmlBuilder two;
  two.Name("\\_SB.COM1").Integer(0);
  EXPECT_THAT(two.bytes(),
              ElementsAre(0x08, '\\', 0x2e, '_', 'S', 'B', '_', 'C', 'O', 'M', '1', 0));
  AmlBuilder three;
  three.Name("A.B.C").Integer(0);
  EXPECT_THAT(three.bytes(), ElementsAre(0x08, 0x2f, 3, 'A', '_', '_', '_', 'B', '_', '_', '_', 'C',
                                         '_', '_', '_', 0));
}

// ACPI 6.5, 19.3.4: the example PNP0A03 is 0x030AD041.
TEST(AmlBuilderTest, EisaIdsArePackedBigEndian) {
  AmlBuilder aml;
  aml.EisaId("PNP0A03");
  EXPECT_THAT(aml.bytes(), ElementsAre(0x0c, 0x41, 0xd0, 0x0a, 0x03));
}

TEST(AmlBuilderTest, StringsEndWithNul) {
  AmlBuilder aml;
  aml.String("ab");
  EXPECT_THAT(aml.bytes(), ElementsAre(0x0d, 'a', 'b', 0));
}

// A scope whose length field must count `body_bytes`, a name and itself.
std::vector<uint8_t> ScopeStart(size_t body_bytes, size_t start_bytes) {
  AmlBuilder aml;
  aml.Scope("ABCD", [&] {
    for (size_t i = 0; i < body_bytes; ++i) {
      aml.Integer(0);
    }
  });
  EXPECT_EQ(aml.bytes().size(), 1 + start_bytes + 4 + body_bytes);
  return {aml.bytes().begin() + 1, aml.bytes().begin() + 1 + static_cast<ptrdiff_t>(start_bytes)};
}

TEST(AmlBuilderTest, LengthsCountThemselvesInOneToFourBytes) {
  EXPECT_THAT(ScopeStart(0, 1), ElementsAre(5));
  EXPECT_THAT(ScopeStart(58, 1), ElementsAre(0x3f));
  EXPECT_THAT(ScopeStart(59, 2), ElementsAre(0x41, 0x04));                   // 65
  EXPECT_THAT(ScopeStart(4089, 2), ElementsAre(0x4f, 0xff));                 // 4095
  EXPECT_THAT(ScopeStart(4090, 3), ElementsAre(0x81, 0x00, 0x01));           // 4097
  EXPECT_THAT(ScopeStart(1048576, 4), ElementsAre(0xc8, 0x00, 0x00, 0x01));  // 1048584
}

TEST(AmlBuilderTest, EnclosesDevicesAndMethods) {
  AmlBuilder aml;
  aml.Device("GED_", [&] {
    aml.Method("_EVT", 1, [&] {
      aml.If([&] { aml.Equal([&] { aml.Argument(0); }, [&] { aml.Integer(6); }); },
             [&] { aml.Notify("VGEN", 0x80); });
    });
  });
  const std::vector<uint8_t> expected = {
      0x5b, 0x82, 25,   'G',  'E',  'D',  '_',    // Device
      0x14, 19,   '_',  'E',  'V',  'T',  1,      // Method, one argument
      0xa0, 12,   0x93, 0x68, 0x0a, 6,            // If (Arg0 == 6)
      0x86, 'V',  'G',  'E',  'N',  0x0a, 0x80};  // Notify
  EXPECT_THAT(aml.bytes(), ElementsAreArray(expected));
}

TEST(AmlBuilderTest, ResourceTemplatesHaveSizeAndEndTag) {
  AmlBuilder aml;
  aml.ResourceTemplate([&] {
    aml.Memory32Fixed({GuestAddress(0xc0001000), 0x1000});
    aml.Io(0x3f8, 8);
    aml.Interrupt(5);
  });
  const std::vector<uint8_t> expected = {
      0x11, 34,  0x0a, 31,                                                    // Buffer (31)
      0x86, 9,   0,    1,    0x00, 0x10, 0x00, 0xc0, 0x00, 0x10, 0x00, 0x00,  // Memory32Fixed
      0x47, 1,   0xf8, 0x03, 0xf8, 0x03, 1,    8,                             // IO
      0x89, 6,   0,    3,    1,    5,    0,    0,    0,                       // Interrupt
      0x79, 0x00};
  EXPECT_THAT(aml.bytes(), ElementsAreArray(expected));
}

TEST(AmlBuilderDeathTest, ImpossibleNamesAreBugs) {
  AmlBuilder aml;
  EXPECT_DEATH(aml.Name("ABCDE"), "check failed");
  EXPECT_DEATH(aml.EisaId("PNP05"), "check failed");
}

}  // namespace
}  // namespace mayfly
