// The file of filters: both ways, and whatever else it may hold.

#include "jailer/filter_file.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "tests/fakes/temporary_file.h"

namespace mayfly {
namespace {

using Bytes = std::vector<uint8_t>;

constexpr size_t kVersionOffset = 8;
constexpr size_t kMachineOffset = 10;
constexpr size_t kNameOffset = 15;

const std::vector<sock_filter>& Program() {
  static const std::vector<sock_filter> kProgram = {
      {0x20, 0, 0, 0}, {0x15, 1, 0xff, 0x89abcdef}, {0x06, 0, 0, 0x7fff0000}};
  return kProgram;
}

FilterSet ThreeFilters() {
  return {{"vmm", Program()}, {"api", {Program()[2]}}, {"vcpu", Program()}};
}

bool AreSame(const FilterSet& left, const FilterSet& right) {
  return std::equal(
      left.begin(), left.end(), right.begin(), right.end(), [](const auto& one, const auto& other) {
        return one.first == other.first &&
               std::equal(one.second.begin(), one.second.end(), other.second.begin(),
                          other.second.end(), [](const sock_filter& a, const sock_filter& b) {
                            return a.code == b.code && a.jt == b.jt && a.jf == b.jf && a.k == b.k;
                          });
      });
}

std::string Refusal(const Bytes& bytes) {
  const auto filters = DecodeFilterFile(bytes);
  return filters.ok() ? "none" : std::string(filters.status().message());
}

Bytes With(size_t offset, uint8_t value) {
  Bytes bytes = EncodeFilterFile(ThreeFilters());
  bytes[offset] = value;
  return bytes;
}

absl::StatusOr<FilterSet> ReadBack(const Bytes& bytes) {
  return ReadFilterFile(TemporaryFile(bytes).path());
}

TEST(FilterFileTest, DecodesWhatItEncoded) {
  for (const FilterSet& filters : {ThreeFilters(), FilterSet{}}) {
    const auto decoded = DecodeFilterFile(EncodeFilterFile(filters));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_TRUE(AreSame(*decoded, filters));
  }
}

TEST(FilterFileTest, TheFormatStays) {
  const Bytes expected = {'M', 'F', 'S', 'E', 'C', 'C', 'M', 'P', 1,    0,    62,   0,    1, 0,
                          3,   'a', 'p', 'i', 1,   0,   6,   0,   0x12, 0x34, 0x78, 0x56, 0, 0x7f};
  EXPECT_EQ(EncodeFilterFile({{"api", {{6, 0x12, 0x34, 0x7f005678}}}}), expected);
}

TEST(FilterFileTest, RefusesACutOffFileAtEachByte) {
  const Bytes bytes = EncodeFilterFile(ThreeFilters());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(Refusal(Bytes(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size))),
              "it is cut off")
        << size;
  }
}

// Whatever is taken is what the bytes say: nothing is lost or made up.
TEST(FilterFileTest, TakesOrRefusesEachBitFlipped) {
  const Bytes bytes = EncodeFilterFile(ThreeFilters());
  size_t taken = 0;
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    Bytes flipped = bytes;
    flipped[bit / 8] = static_cast<uint8_t>(flipped[bit / 8] ^ (1u << bit % 8));
    const auto filters = DecodeFilterFile(flipped);
    if (filters.ok()) {
      ++taken;
      EXPECT_EQ(EncodeFilterFile(*filters).size(), bytes.size()) << bit;
    } else {
      EXPECT_FALSE(filters.status().message().empty()) << bit;
    }
  }
  // All bits of the instructions, at least.
  EXPECT_GE(taken, 7u * 64);
}

TEST(FilterFileTest, RefusesOtherFormats) {
  EXPECT_EQ(Refusal(With(0, 'm')), "it is not a file of the seccompiler's");
  EXPECT_EQ(Refusal(With(kVersionOffset, 2)), "its version is 2, not 1");
  EXPECT_EQ(Refusal(With(kMachineOffset, 183)), "it is not for x86-64");
}

TEST(FilterFileTest, RefusesBrokenContents) {
  constexpr char kName[] = "a thread's name has 1 to 32 small letters or '_'";
  EXPECT_EQ(Refusal(With(kNameOffset, 'A')), kName);
  EXPECT_EQ(Refusal(With(kNameOffset, 0)), kName);
  EXPECT_EQ(Refusal(With(kNameOffset - 1, 0)), kName);
  EXPECT_EQ(Refusal(With(kNameOffset - 1, 33)), kName);
  const size_t count_offset = kNameOffset + 3;
  EXPECT_EQ(Refusal(With(count_offset, 0)), "a filter has 1 to 4096 instructions");
  EXPECT_EQ(Refusal(With(count_offset + 1, 0x11)), "a filter has 1 to 4096 instructions");
  Bytes longer = EncodeFilterFile(ThreeFilters());
  longer.push_back(0);
  EXPECT_EQ(Refusal(longer), "bytes follow its end");
  Bytes twice = EncodeFilterFile({{"aaa", Program()}, {"aab", Program()}});
  const size_t second_name_end = twice.size() - 2 - 8 * Program().size();
  twice[second_name_end - 1] = 'a';
  EXPECT_EQ(Refusal(twice), "it names a thread twice");
  EXPECT_EQ(Refusal(Bytes(kFilterFileMaxBytes + 1)), "it has more than 100000 bytes");
}

TEST(FilterFileTest, ReadsAFileOfThreeThreads) {
  const auto filters = ReadBack(EncodeFilterFile(ThreeFilters()));
  ASSERT_TRUE(filters.ok()) << filters.status();
  EXPECT_TRUE(AreSame(*filters, ThreeFilters()));
}

TEST(FilterFileTest, ErrorsOfReadingAreFirecrackers) {
  EXPECT_EQ(ReadFilterFile("/none").status().message(),
            "Filter deserialization failed: open /none: No such file or directory");
  for (const Bytes& bytes : {Bytes{}, Bytes{'x'}, Bytes(200'000)}) {
    const auto filters = ReadBack(bytes);
    EXPECT_TRUE(absl::StartsWith(filters.status().message(), "Filter deserialization failed: "))
        << filters.status();
  }
}

TEST(FilterFileTest, WantsTheThreeThreadsAndNoOther) {
  FilterSet filters = ThreeFilters();
  filters["net"] = Program();
  EXPECT_TRUE(absl::StartsWith(ReadBack(EncodeFilterFile(filters)).status().message(),
                               "Invalid thread categories: net"));
  for (const char* name : {"api", "vcpu", "vmm"}) {
    filters = ThreeFilters();
    filters.erase(name);
    EXPECT_EQ(ReadBack(EncodeFilterFile(filters)).status().message(),
              absl::StrCat("Missing thread category: ", name));
  }
}

TEST(FilterFileTest, ThreadNamesAreSmallLetters) {
  for (const char* name : {"vmm", "a", "_", "abcdefghijklmnopqrstuvwxyz_abcde"}) {
    EXPECT_TRUE(IsThreadName(name)) << name;
  }
  for (const char* name :
       {"", "Vmm", "v1", "a b", "abcdefghijklmnopqrstuvwxyz_abcdef", "\xc3\xa4"}) {
    EXPECT_FALSE(IsThreadName(name)) << name;
  }
}

}  // namespace
}  // namespace mayfly
