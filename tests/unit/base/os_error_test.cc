// OsErrorText: which C library's text, and the number.

#include "base/os_error.h"

#include <cerrno>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(OsErrorTest, HasTheTextThatBothLibrariesShare) {
  EXPECT_EQ(OsErrorText(ENOENT), "No such file or directory (os error 2)");
  EXPECT_EQ(OsErrorText(EACCES), "Permission denied (os error 13)");
  EXPECT_EQ(OsErrorText(EINVAL), "Invalid argument (os error 22)");
  EXPECT_EQ(OsErrorText(ECONNREFUSED), "Connection refused (os error 111)");
}

TEST(OsErrorTest, HasTheTextOfMuslWhereTheyDiffer) {
  EXPECT_EQ(OsErrorText(EIO), "I/O error (os error 5)");
  EXPECT_EQ(OsErrorText(ENOMEM), "Out of memory (os error 12)");
  EXPECT_EQ(OsErrorText(EBUSY), "Resource busy (os error 16)");
  EXPECT_EQ(OsErrorText(EMFILE), "No file descriptors available (os error 24)");
  EXPECT_EQ(OsErrorText(ENOTTY), "Not a tty (os error 25)");
  EXPECT_EQ(OsErrorText(ENOTSUP), "Not supported (os error 95)");
  EXPECT_EQ(OsErrorText(EADDRINUSE), "Address in use (os error 98)");
}

}  // namespace
}  // namespace mayfly
