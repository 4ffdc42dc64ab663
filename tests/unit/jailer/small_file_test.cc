// ReadSmallFile and WriteSmallFile.

#include "jailer/small_file.h"

#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/fakes/temporary_folder.h"

namespace mayfly {
namespace {

class SmallFileTest : public testing::Test {
 protected:
  TemporaryFolder folder_;
  Directory directory_ = *Directory::Open(folder_.path());
};

TEST_F(SmallFileTest, ReadsAFileLongerThanOneRead) {
  WriteWholeFile(folder_.PathOf("a"), std::vector<uint8_t>(40000, 'x'));
  const auto text = ReadSmallFile(directory_, "a");
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*text, std::string(40000, 'x'));
}

TEST_F(SmallFileTest, WritesOverTheStartOfAFile) {
  WriteWholeFile(folder_.PathOf("a"), {'1', '2', '3'});
  EXPECT_TRUE(WriteSmallFile(directory_, "a", "45").ok());
  EXPECT_EQ(*ReadSmallFile(directory_, "a"), "453");
}

TEST_F(SmallFileTest, MakesNoFile) {
  const absl::Status status = WriteSmallFile(directory_, "a", "1");
  EXPECT_EQ(status.message(), absl::StrCat("Failed to open ", folder_.PathOf("a"),
                                           ": No such file or directory (os error 2)"));
  EXPECT_TRUE(folder_.Names().empty());
}

TEST_F(SmallFileTest, RefusesLinks) {
  WriteWholeFile(folder_.PathOf("a"), {'1'});
  ASSERT_EQ(symlink("a", folder_.PathOf("b").c_str()), 0);
  EXPECT_EQ(
      ReadSmallFile(directory_, "b").status().message(),
      absl::StrCat("Failed to open ", folder_.PathOf("b"), ": Symbolic link loop (os error 40)"));
  EXPECT_FALSE(WriteSmallFile(directory_, "b", "2").ok());
  EXPECT_EQ(*ReadSmallFile(directory_, "a"), "1");
}

TEST_F(SmallFileTest, SaysWhatCouldNotBeWrittenWhere) {
  ASSERT_EQ(symlink("/dev/full", folder_.PathOf("full").c_str()), 0);
  const auto devices = Directory::Open("/dev");
  ASSERT_TRUE(devices.ok()) << devices.status();
  EXPECT_EQ(WriteSmallFile(*devices, "full", "7").message(),
            "Failed to write '7' to /dev/full: No space left on device (os error 28)");
}

}  // namespace
}  // namespace mayfly
