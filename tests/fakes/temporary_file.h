// TemporaryFile: a file with given bytes, gone at the end of the test.

#ifndef MAYFLY_TESTS_FAKES_TEMPORARY_FILE_H_
#define MAYFLY_TESTS_FAKES_TEMPORARY_FILE_H_

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "base/check.h"

namespace mayfly {

class TemporaryFile {
 public:
  explicit TemporaryFile(std::span<const uint8_t> bytes) {
    std::string name = "/tmp/mayfly-test-XXXXXX";
    const int fd = mkstemp(name.data());
    MAYFLY_CHECK(fd >= 0);
    MAYFLY_CHECK(write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
    close(fd);
    path_ = name;
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() { unlink(path_.c_str()); }

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace mayfly

#endif  // MAYFLY_TESTS_FAKES_TEMPORARY_FILE_H_
