// Bytes of files: what they hold, limits, and errors that name the file.

#include "jailer/file_bytes.h"

#include <sys/stat.h>

#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fakes/temporary_file.h"
#include "tests/fakes/temporary_folder.h"

namespace mayfly {
namespace {

using Bytes = std::vector<uint8_t>;

TEST(FileBytesTest, ReadsWhatWasWritten) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/file";
  for (const Bytes& bytes : {Bytes{1, 0, 255}, Bytes(100'000, 7), Bytes{2}, Bytes{}}) {
    ASSERT_TRUE(WriteFileBytes(path, bytes).ok());
    const auto read = ReadFileBytes(path, 100'000);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, bytes);
  }
}

TEST(FileBytesTest, ReadsAtMostSoMuch) {
  const TemporaryFile file(Bytes{1, 2, 3});
  EXPECT_TRUE(ReadFileBytes(file.path(), 3).ok());
  EXPECT_EQ(ReadFileBytes(file.path(), 2).status().message(), "it has more than 2 bytes");
  EXPECT_FALSE(ReadFileBytes("/dev/zero", 1000).ok());
}

TEST(FileBytesTest, ErrorsNameTheFile) {
  EXPECT_EQ(ReadFileBytes("/none/file", 9).status().message(),
            "open /none/file: No such file or directory");
  EXPECT_EQ(ReadFileBytes("/tmp", 9).status().message(), "read /tmp: Is a directory");
  EXPECT_EQ(WriteFileBytes("/none/file", {}).message(),
            "open /none/file: No such file or directory");
  EXPECT_EQ(WriteFileBytes("/dev/full", Bytes{1}).message(),
            "write /dev/full: No space left on device");
}

}  // namespace
}  // namespace mayfly
