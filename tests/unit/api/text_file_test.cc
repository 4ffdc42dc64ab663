// ReadTextFile: files, FIFOs, and what cannot be read.

#include "api/text_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include "base/owned_fd.h"
#include "base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/temporary_file.h"

namespace mayfly {
namespace {

TEST(TextFileTest, ReadsAllOfAFile) {
  std::vector<uint8_t> bytes(50'000);
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<uint8_t>('a' + i % 26);
  }
  const TemporaryFile file(bytes);
  const auto text = ReadTextFile(file.path());
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*text, std::string(bytes.begin(), bytes.end()));
  const TemporaryFile empty({});
  EXPECT_EQ(*ReadTextFile(empty.path()), "");
}

TEST(TextFileTest, ReadsAFifoToItsEnd) {
  const TemporaryFile place({});
  const std::string path = place.path() + ".fifo";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  std::thread writer([&] {
    const OwnedFd fifo(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    EXPECT_EQ(write(fifo.get(), "{}", 2), 2);
  });
  const auto text = ReadTextFile(path);
  writer.join();
  unlink(path.c_str());
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*text, "{}");
}

TEST(TextFileTest, NamesWhatCannotBeRead) {
  const absl::Status missing = ReadTextFile("/no/such/file").status();
  EXPECT_EQ(ErrnoOf(missing), ENOENT);
  EXPECT_THAT(missing.message(), testing::HasSubstr("/no/such/file"));
  const absl::Status folder = ReadTextFile("/tmp").status();
  EXPECT_EQ(ErrnoOf(folder), EISDIR);
  EXPECT_THAT(folder.message(), testing::HasSubstr("/tmp"));
}

TEST(TextFileTest, RefusesWhatNoConfigurationIs) {
  const TemporaryFile file({});
  ASSERT_EQ(truncate(file.path().c_str(), static_cast<off_t>(kTextFileMaxBytes)), 0);
  EXPECT_TRUE(ReadTextFile(file.path()).ok());
  ASSERT_EQ(truncate(file.path().c_str(), static_cast<off_t>(kTextFileMaxBytes + 1)), 0);
  const absl::Status status = ReadTextFile(file.path()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(), file.path() + ": more than 16 MiB");
}

}  // namespace
}  // namespace mayfly
